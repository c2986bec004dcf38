#include "ctl/commands/apply.h"

#include <map>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/manifest/encode.h"
#include "common/model/kinds.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/files.h"
#include "ctl/commands/flags.h"

namespace muster::ctl {
namespace {

using admin::v1::ApplyProblem;
using admin::v1::ApplyResult;

const char* OutcomeText(ApplyResult::Outcome outcome) {
  switch (outcome) {
    case ApplyResult::CREATED:
      return "created";
    case ApplyResult::CONFIGURED:
      return "configured";
    default:
      return "unchanged";
  }
}

std::string Place(const FileObject& object, const std::string& path) {
  const manifest::Position position = object.document.source.Find(path);
  if (position.line == 0) return object.file;
  return absl::StrCat(object.file, ":", position.line, ":", position.column);
}

std::string ProblemText(const ApplyProblem& problem) {
  std::string text = absl::StrCat(problem.path(), ": ", problem.type());
  if (!problem.value().empty()) absl::StrAppend(&text, ": ", problem.value());
  if (!problem.detail().empty()) absl::StrAppend(&text, ": ", problem.detail());
  return text;
}

// Kubernetes' wording, each problem with the line that caused it.
void PrintProblems(Context& context, const std::vector<FileObject>& objects,
                   const admin::v1::ApplyProblems& problems) {
  std::map<int, std::vector<const ApplyProblem*>> by_object;
  for (const ApplyProblem& problem : problems.problems()) {
    by_object[problem.object_index()].push_back(&problem);
  }
  for (const auto& [index, list] : by_object) {
    if (index < 0 || static_cast<size_t>(index) >= objects.size()) continue;
    const FileObject& object = objects[static_cast<size_t>(index)];
    context.err << "The " << model::InfoOf(object.document.object).name << " \""
                << model::MetadataOf(object.document.object).name() << "\" is invalid: ";
    if (list.size() > 1) context.err << "\n";
    for (const ApplyProblem* problem : list) {
      context.err << (list.size() > 1 ? "* " : "") << ProblemText(*problem) << " ("
                  << Place(object, problem->path()) << ")\n";
    }
  }
  context.err << "Nothing was changed.\n";
}

// The namespace of the command line for objects that name none; a contradiction is an error.
absl::Status SetNamespace(const Context& context, const ApplyOptions& options, FileObject& object) {
  if (!model::InfoOf(object.document.object).namespaced) return absl::OkStatus();
  v1::ObjectMeta& meta = model::MutableMetadataOf(object.document.object);
  if (meta.namespace_().empty()) {
    meta.set_namespace_(context.ns);
  } else if (options.namespace_given && meta.namespace_() != context.ns) {
    return absl::InvalidArgumentError(absl::StrCat(
        Place(object, "metadata.namespace"), ": the namespace from the provided object \"",
        meta.namespace_(), "\" does not match the namespace \"", context.ns,
        "\". You must pass '--namespace=", meta.namespace_(), "' to perform this operation."));
  }
  return absl::OkStatus();
}

bool PrintDiagnostics(Context& context, const manifest::Diagnostics& diagnostics) {
  for (const manifest::Diagnostic& diagnostic : diagnostics) {
    context.err << manifest::ToString(diagnostic) << "\n";
  }
  return !manifest::HasErrors(diagnostics);
}

void PrintResult(Context& context, const ApplyOptions& options, const v1::Object& object,
                 const char* outcome) {
  if (options.output == "name") {
    context.out << model::QualifiedName(object) << "\n";
    return;
  }
  context.out << model::QualifiedName(object) << " " << outcome << DryRunSuffix(options.dry_run)
              << "\n";
}

void PrintObjects(Context& context, const ApplyOptions& options,
                  const std::vector<const google::protobuf::Message*>& objects) {
  const bool json = options.output == "json";
  if (objects.size() == 1) {
    context.out << (json ? manifest::EncodeJson(*objects[0], manifest::JsonForm::kPretty) + "\n"
                         : manifest::EncodeYaml(*objects[0]));
    return;
  }
  context.out << (json ? manifest::EncodeJsonList(objects) + "\n"
                       : manifest::EncodeYamlList(objects));
}

int ApplyAtCoordinator(Context& context, const ApplyOptions& options,
                       const std::vector<FileObject>& objects) {
  admin::v1::ApplyRequest request;
  for (const FileObject& object : objects) *request.add_objects() = object.document.object;
  request.set_dry_run(options.dry_run == DryRun::kServer);
  request.set_change_cause(options.change_cause);
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  const auto response = (*client)->Apply(request);
  if (!response.ok()) {
    if (const auto problems = ProblemsOf(response.status())) {
      PrintProblems(context, objects, *problems);
      return kExitError;
    }
    return Fail(context, response.status());
  }
  for (const auto& warning : response->warnings()) {
    const auto index = static_cast<size_t>(warning.object_index());
    context.err << "Warning: ";
    if (index < objects.size()) context.err << Place(objects[index], warning.path()) << ": ";
    if (!warning.path().empty()) context.err << warning.path() << ": ";
    context.err << warning.text() << "\n";
  }
  if (options.output == "json" || options.output == "yaml") {
    std::vector<const google::protobuf::Message*> results;
    for (const auto& result : response->results()) results.push_back(&result.object());
    PrintObjects(context, options, results);
    return kExitDone;
  }
  for (const auto& result : response->results()) {
    PrintResult(context, options, result.object(), OutcomeText(result.outcome()));
  }
  return kExitDone;
}

}  // namespace

int RunApply(Context& context, const ApplyOptions& options) {
  if (options.files.empty()) {
    return FailLocally(context, "must specify what to apply with -f FILE, -f FOLDER or -f -",
                       kExitUsage);
  }
  if (options.record) {
    context.err << "Flag --record has been deprecated, --record will be removed in the future\n";
  }
  auto read = ReadManifests(options.files, context.in, options.strict);
  if (!read.ok()) return FailLocally(context, std::string(read.status().message()));
  if (!PrintDiagnostics(context, read->diagnostics)) {
    context.err << "Nothing was changed.\n";
    return kExitError;
  }
  if (read->objects.empty()) {
    return FailLocally(context, "no objects passed to apply", kExitNothingMatched);
  }
  for (FileObject& object : read->objects) {
    if (absl::Status status = SetNamespace(context, options, object); !status.ok()) {
      return FailLocally(context, std::string(status.message()));
    }
  }
  if (options.dry_run == DryRun::kClient) {
    for (const FileObject& object : read->objects) {
      PrintResult(context, options, object.document.object, "created");
    }
    return kExitDone;
  }
  return ApplyAtCoordinator(context, options, read->objects);
}

void AddApply(CommandLine& line) {
  const auto options = std::make_shared<ApplyOptions>();
  const auto dry_run = std::make_shared<std::string>();
  CLI::App& app =
      line.Add("apply", "Make the fleet as the manifests say",
               [&line, options, dry_run]() -> absl::StatusOr<CommandLine::Action> {
                 MUSTER_ASSIGN_OR_RETURN(options->dry_run, ParseDryRun(*dry_run));
                 options->namespace_given = line.namespace_given();
                 if (options->record) options->change_cause = line.ChangeCause();
                 return [options](Context& context) { return RunApply(context, *options); };
               });
  app.add_option("-f,--filename", options->files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app.add_flag("--record", options->record, "Keep this command line as the change's cause");
  app.add_flag("--strict", options->strict, "Refuse kinds of objects that Muster does not run");
  app.add_flag(kDryRunFlag, *dry_run, kDryRunHelp);
  app.add_option("-o,--output", options->output, "name, json or yaml")
      ->check(CLI::IsMember({"name", "json", "yaml"}));
}

}  // namespace muster::ctl
