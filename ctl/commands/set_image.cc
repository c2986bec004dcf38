#include "ctl/commands/set_image.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/commands/modify.h"

namespace muster::ctl {
namespace {

constexpr char kChangeCause[] = "kubernetes.io/change-cause";

// Container name and image.
using Images = std::vector<std::pair<std::string, std::string>>;

// Null for kinds without containers.
v1::PodSpec* PodSpecOf(v1::Object& object) {
  if (object.has_daemon_set()) {
    return object.mutable_daemon_set()->mutable_spec()->mutable_template_()->mutable_spec();
  }
  return object.has_pod() ? object.mutable_pod()->mutable_spec() : nullptr;
}

absl::Status SetImages(const Images& images, v1::Object& object) {
  v1::PodSpec* spec = PodSpecOf(object);
  if (spec == nullptr) {
    return absl::FailedPreconditionError(
        absl::StrCat(model::QualifiedName(object), " has no containers; daemonsets and pods have"));
  }
  for (const auto& [name, image] : images) {
    bool found = false;
    for (auto* containers : {spec->mutable_init_containers(), spec->mutable_containers()}) {
      for (v1::Container& container : *containers) {
        if (name != "*" && container.name() != name) continue;
        container.set_image(image);
        found = true;
      }
    }
    if (!found) {
      return absl::FailedPreconditionError(absl::StrCat("unable to find container named \"", name,
                                                        "\" in ", model::QualifiedName(object)));
    }
  }
  return absl::OkStatus();
}

}  // namespace

int RunSetImage(Context& context, const SetImageOptions& options) {
  std::vector<std::string> resources;
  Images images;
  for (const std::string& argument : options.arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos) {
      resources.push_back(argument);
    } else if (equals == 0 || equals + 1 == argument.size()) {
      return FailLocally(
          context, absl::StrCat("expected CONTAINER=IMAGE, found \"", argument, "\""), kExitUsage);
    } else {
      images.emplace_back(argument.substr(0, equals), argument.substr(equals + 1));
    }
  }
  if (images.empty()) {
    return FailLocally(context,
                       "at least one CONTAINER=IMAGE is required, as in: set image ds/NAME "
                       "main=busybox:1.36",
                       kExitUsage);
  }
  const auto targets = ParseTargets(resources);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  if (const absl::Status status = CheckSelection(*targets, options.selection); !status.ok()) {
    return FailLocally(context, std::string(status.message()), kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto objects = ReadObjects(context, **client, *targets, options.selection);
  if (!objects.ok()) return Fail(context, objects.status());
  if (objects->empty()) return NothingMatched(context);
  int exit_code = kExitDone;
  for (const v1::Object& object : *objects) {
    const auto modified =
        Modify(**client, object, options.dry_run, [&](v1::Object& edited) -> absl::Status {
          if (!options.change_cause.empty()) {
            (*model::MutableMetadataOf(edited).mutable_annotations())[kChangeCause] =
                options.change_cause;
          }
          return SetImages(images, edited);
        });
    if (modified.ok()) {
      // Nothing is said of what was so already, as kubectl does.
      if (!modified->changed) continue;
      context.out << model::QualifiedName(object) << " image updated"
                  << DryRunSuffix(options.dry_run) << "\n";
    } else if (modified.status().code() == absl::StatusCode::kFailedPrecondition) {
      exit_code = FailLocally(context, std::string(modified.status().message()));
    } else {
      exit_code = Fail(context, modified.status());
    }
  }
  return exit_code;
}

void AddSet(CommandLine& line) {
  CLI::App& group = line.Group("set", "Change one field of objects");
  struct Flags {
    SetImageOptions options;
    std::string dry_run;
    bool record = false;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App& app = line.Add(
      "image", "Change the images of containers",
      [&line, flags]() -> absl::StatusOr<CommandLine::Action> {
        MUSTER_ASSIGN_OR_RETURN(flags->options.dry_run, ParseDryRun(flags->dry_run));
        if (flags->record) flags->options.change_cause = line.ChangeCause();
        return [flags](Context& context) {
          if (flags->record) WarnOfRecord(context);
          return RunSetImage(context, flags->options);
        };
      },
      &group);
  app.add_option("arguments", flags->options.arguments,
                 "ds/NAME... or ds NAME..., then CONTAINER=IMAGE...; '*' is every container");
  app.add_option("-l,--selector", flags->options.selection.selector, "All with these labels");
  app.add_flag("--all", flags->options.selection.all, "All of this kind");
  line.AddAllNamespaces(app);
  app.add_flag("--record", flags->record, "Keep this command line as the change's cause");
  app.add_flag(kDryRunFlag, flags->dry_run, kDryRunHelp);
}

}  // namespace muster::ctl
