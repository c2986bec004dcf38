#include "ctl/commands/delete.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/commands/await.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/files.h"
#include "ctl/commands/flags.h"

namespace muster::ctl {
namespace {

struct Deletion {
  const model::KindInfo* kind;
  admin::v1::ObjectRef ref;
  std::string file;  // Where it came from, if from a file.
};

absl::StatusOr<std::vector<Deletion>> FromFiles(Context& context, const DeleteOptions& options) {
  auto read = ReadManifests(options.files, context.in, /*strict=*/false);
  if (!read.ok()) return read.status();
  if (manifest::HasErrors(read->diagnostics)) {
    for (const manifest::Diagnostic& diagnostic : read->diagnostics) {
      context.err << manifest::ToString(diagnostic) << "\n";
    }
    return absl::InvalidArgumentError("nothing was deleted");
  }
  std::vector<Deletion> deletions;
  for (const FileObject& object : read->objects) {
    const model::KindInfo& kind = model::InfoOf(object.document.object);
    const v1::ObjectMeta& meta = model::MetadataOf(object.document.object);
    Targets::Target target{&kind, meta.name()};
    admin::v1::ObjectRef ref = RefOf(context, target);
    if (kind.namespaced && !meta.namespace_().empty()) ref.set_namespace_(meta.namespace_());
    deletions.push_back({&kind, ref, object.file});
  }
  return deletions;
}

absl::StatusOr<std::vector<Deletion>> FromArguments(Context& context, const DeleteOptions& options,
                                                    AdminClient& client) {
  auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return targets.status();
  MUSTER_RETURN_IF_ERROR(CheckSelection(*targets, options.selection));
  std::vector<Deletion> deletions;
  for (const Targets::Target& target : targets->list) {
    if (!target.name.empty()) {
      deletions.push_back({target.kind, RefOf(context, target), ""});
      continue;
    }
    MUSTER_ASSIGN_OR_RETURN(const admin::v1::ListResponse list,
                            client.List(ListRequestFor(context, *target.kind, options.selection)));
    for (const v1::Object& object : list.objects()) {
      deletions.push_back({target.kind, RefTo(object), ""});
    }
  }
  return deletions;
}

// Returns the UID of what is going; empty when nothing is.
absl::StatusOr<std::string> DeleteOne(Context& context, const DeleteOptions& options,
                                      AdminClient& client, const Deletion& deletion) {
  admin::v1::DeleteRequest request;
  *request.mutable_ref() = deletion.ref;
  request.set_cascade(options.cascade);
  if (options.grace_period_seconds) request.set_grace_period_seconds(*options.grace_period_seconds);
  request.set_dry_run(options.dry_run == DryRun::kServer);
  std::string uid;
  if (options.dry_run != DryRun::kClient) {
    auto response = client.Delete(request);
    if (!response.ok()) return response.status();
    uid = model::MetadataOf(response->object()).uid();
  }
  if (options.name_only) {
    context.out << model::QualifiedName(*deletion.kind, deletion.ref.name()) << "\n";
  } else {
    const std::string group(deletion.kind->group());
    const bool at_once = options.force && options.grace_period_seconds == 0;
    context.out << deletion.kind->singular << (group.empty() ? "" : ".") << group << " \""
                << deletion.ref.name() << "\" " << (at_once ? "force deleted" : "deleted")
                << DryRunSuffix(options.dry_run) << "\n";
  }
  context.out.flush();
  return uid;
}

int FailDelete(Context& context, const Deletion& deletion, absl::Status status) {
  if (status.code() == absl::StatusCode::kNotFound && !deletion.file.empty()) {
    status = absl::NotFoundError(absl::StrCat("error when deleting \"", deletion.file,
                                              "\": ", std::string(status.message())));
  }
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return FailLocally(context,
                       absl::StrCat("timed out waiting for the condition on ",
                                    deletion.ref.resource(), "/", deletion.ref.name()),
                       kExitTimedOut);
  }
  return Fail(context, status);
}

absl::StatusOr<admin::v1::DeleteRequest::Cascade> ParseCascade(const std::string& text) {
  if (text == "background" || text == "true") return admin::v1::DeleteRequest::BACKGROUND;
  if (text == "foreground") return admin::v1::DeleteRequest::FOREGROUND;
  if (text == "orphan" || text == "false") return admin::v1::DeleteRequest::ORPHAN;
  return absl::InvalidArgumentError(
      absl::StrCat("--cascade: expected background, foreground or orphan, found \"", text, "\""));
}

}  // namespace

int RunDelete(Context& context, const DeleteOptions& options) {
  if (options.files.empty() == options.arguments.empty()) {
    return FailLocally(context, "say what to delete: either -f FILE, or KIND NAME", kExitUsage);
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto deletions = options.files.empty() ? FromArguments(context, options, **client)
                                               : FromFiles(context, options);
  if (!deletions.ok()) {
    const bool local =
        deletions.status().code() == absl::StatusCode::kInvalidArgument || !options.files.empty();
    return local ? FailLocally(context, std::string(deletions.status().message()))
                 : Fail(context, deletions.status());
  }
  if (deletions->empty()) {
    context.err << "No resources found\n";
    return kExitDone;
  }
  if (options.force && options.grace_period_seconds == 0) {
    Warn(context,
         "Immediate deletion does not wait for confirmation that the running resource has been "
         "terminated. The resource may continue to run on the cluster indefinitely.");
  }
  // All of them are told to go before any is waited for.
  int exit_code = kExitDone;
  std::vector<std::pair<const Deletion*, std::string>> going;
  for (const Deletion& deletion : *deletions) {
    auto uid = DeleteOne(context, options, **client, deletion);
    if (uid.ok()) {
      if (!uid->empty()) going.emplace_back(&deletion, *std::move(uid));
      continue;
    }
    if (uid.status().code() == absl::StatusCode::kNotFound && options.ignore_not_found) continue;
    exit_code = FailDelete(context, deletion, uid.status());
    if (uid.status().code() == absl::StatusCode::kUnavailable) return exit_code;
  }
  if (!options.wait || options.dry_run != DryRun::kNone) return exit_code;
  const Deadline deadline(options.timeout);
  for (const auto& [deletion, uid] : going) {
    const absl::Status status = AwaitGone(**client, deletion->ref, uid, deadline);
    if (status.ok()) continue;
    exit_code = FailDelete(context, *deletion, status);
    if (status.code() == absl::StatusCode::kUnavailable) return exit_code;
  }
  return exit_code;
}

// kubectl's rules: an immediate deletion has to be forced.
absl::Status SetGrace(std::optional<int64_t> asked, bool now, DeleteOptions& options) {
  if (now && asked) {
    return absl::InvalidArgumentError("--now and --grace-period cannot be specified together");
  }
  options.grace_period_seconds = now ? 1 : asked;
  if (options.force && !options.grace_period_seconds) options.grace_period_seconds = 0;
  if (options.force && *options.grace_period_seconds > 0) {
    return absl::InvalidArgumentError(
        "--force and --grace-period greater than 0 cannot be specified together");
  }
  if (!options.force && options.grace_period_seconds == 0) options.grace_period_seconds = 1;
  return absl::OkStatus();
}

void AddDelete(CommandLine& line) {
  struct Flags {
    DeleteOptions options;
    std::string dry_run, timeout, cascade = "background", output;
    int64_t grace = -1;
    bool now = false;
  };
  const auto flags = std::make_shared<Flags>();
  DeleteOptions& options = flags->options;
  CLI::App& app =
      line.Add("delete", "Delete objects by file, name or label",
               [flags]() -> absl::StatusOr<CommandLine::Action> {
                 DeleteOptions& chosen = flags->options;
                 MUSTER_ASSIGN_OR_RETURN(chosen.dry_run, ParseDryRun(flags->dry_run));
                 MUSTER_ASSIGN_OR_RETURN(chosen.timeout, ParseTimeout(flags->timeout));
                 MUSTER_ASSIGN_OR_RETURN(chosen.cascade, ParseCascade(flags->cascade));
                 std::optional<int64_t> grace;
                 if (flags->grace >= 0) grace = flags->grace;
                 MUSTER_RETURN_IF_ERROR(SetGrace(grace, flags->now, chosen));
                 chosen.name_only = flags->output == "name";
                 return [flags](Context& context) { return RunDelete(context, flags->options); };
               });
  app.add_option("resource", options.arguments, "KIND NAME... or KIND/NAME...");
  app.add_option("-f,--filename", options.files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app.add_option("-l,--selector", options.selection.selector, "All with these labels");
  app.add_option("--field-selector", options.selection.field_selector, "All with these fields");
  app.add_flag("--all", options.selection.all, "All of this kind");
  line.AddAllNamespaces(app);
  app.add_flag("--ignore-not-found", options.ignore_not_found, "A missing object is no error");
  app.add_flag("--wait", options.wait, "Return when the objects are gone (default true)");
  app.add_flag("--cascade{background}", flags->cascade, "background, foreground or orphan");
  app.add_option("--grace-period", flags->grace, "Seconds a pod has to end by itself");
  app.add_flag("--now", flags->now, "The same as --grace-period=1");
  app.add_flag("--force", options.force, "At once, without waiting for what runs to end");
  app.add_option("--timeout", flags->timeout, "How long to wait for the objects to be gone");
  app.add_flag(kDryRunFlag, flags->dry_run, kDryRunHelp);
  app.add_option("-o,--output", flags->output, "name")->check(CLI::IsMember({"name"}));
}

}  // namespace muster::ctl
