#include "ctl/commands/context.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "ctl/output/color.h"

namespace muster::ctl {
namespace {

absl::StatusOr<const model::KindInfo*> KindNamed(const std::string& text) {
  if (const model::KindInfo* kind = model::FindResource(text)) return kind;
  return absl::InvalidArgumentError(
      absl::StrCat("the server doesn't have a resource type \"", text, "\""));
}

}  // namespace

const char* DryRunSuffix(DryRun dry_run) {
  switch (dry_run) {
    case DryRun::kClient:
      return " (dry run)";
    case DryRun::kServer:
      return " (server dry run)";
    case DryRun::kNone:
      break;
  }
  return "";
}

int FailLocally(Context& context, const std::string& text, int exit_code) {
  PrintColored(context.err, "error:", Color::kRed, context.color_err);
  context.err << " " << text << "\n";
  return exit_code;
}

void Warn(Context& context, const std::string& text) {
  PrintColored(context.err, "Warning:", Color::kYellow, context.color_err);
  context.err << " " << text << "\n";
}

void WarnOfRecord(Context& context) {
  context.err << "Flag --record has been deprecated, --record will be removed in the future\n";
}

int NothingMatched(Context& context) {
  context.err << "No resources found\n";
  return kExitNothingMatched;
}

int Fail(Context& context, const absl::Status& status) {
  const std::string text = ErrorText(status, context.server);
  const size_t title = text.find(": ") + 1;
  PrintColored(context.err, text.substr(0, title), Color::kRed, context.color_err);
  context.err << text.substr(title) << "\n";
  return status.code() == absl::StatusCode::kDeadlineExceeded ? kExitTimedOut : kExitError;
}

absl::StatusOr<Targets> ParseTargets(const std::vector<std::string>& arguments) {
  Targets targets;
  if (arguments.empty()) {
    return absl::InvalidArgumentError(
        "you must specify the type of resource, e.g. daemonsets, pods or nodes");
  }
  std::set<model::Kind> kinds;
  const bool slashed = arguments[0].find('/') != std::string::npos;
  if (slashed) {
    for (const std::string& argument : arguments) {
      const std::pair<std::string, std::string> parts =
          absl::StrSplit(argument, absl::MaxSplits('/', 1));
      if (parts.second.empty()) {
        return absl::InvalidArgumentError(absl::StrCat(
            "there is no need to specify a resource type as a separate argument when passing "
            "arguments in resource/name form (expected KIND/NAME, found \"",
            argument, "\")"));
      }
      auto kind = KindNamed(parts.first);
      if (!kind.ok()) return kind.status();
      kinds.insert((*kind)->kind);
      targets.list.push_back({*kind, parts.second});
    }
  } else {
    // "all" is what kubectl means by it: what runs, not what it is made of.
    const std::string names =
        arguments[0] == "all" ? "pods,services,daemonsets,daemonjobs" : arguments[0];
    for (const absl::string_view name : absl::StrSplit(names, ',')) {
      auto kind = KindNamed(std::string(name));
      if (!kind.ok()) return kind.status();
      kinds.insert((*kind)->kind);
      if (arguments.size() == 1) targets.list.push_back({*kind, ""});
      for (size_t i = 1; i < arguments.size(); ++i) {
        targets.list.push_back({*kind, arguments[i]});
      }
    }
  }
  targets.several_kinds = kinds.size() > 1;
  return targets;
}

std::string NamespaceFor(const Context& context, const model::KindInfo& kind) {
  return kind.namespaced ? context.ns : "";
}

admin::v1::ObjectRef RefOf(const Context& context, const Targets::Target& target) {
  admin::v1::ObjectRef ref;
  ref.set_resource(std::string(target.kind->plural));
  ref.set_namespace_(NamespaceFor(context, *target.kind));
  ref.set_name(target.name);
  return ref;
}

admin::v1::ObjectRef RefTo(const v1::Object& object) {
  admin::v1::ObjectRef ref;
  ref.set_resource(std::string(model::InfoOf(object).plural));
  ref.set_namespace_(model::MetadataOf(object).namespace_());
  ref.set_name(model::MetadataOf(object).name());
  return ref;
}

}  // namespace muster::ctl
