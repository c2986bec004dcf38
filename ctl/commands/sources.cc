#include "ctl/commands/sources.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/kinds.h"

namespace muster::ctl {
namespace {

using admin::v1::ApplyProblem;

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
absl::Status SetNamespace(const Context& context, const SourceOptions& options,
                          FileObject& object) {
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

}  // namespace

std::variant<std::vector<FileObject>, int> ReadSources(Context& context,
                                                       const SourceOptions& options,
                                                       const std::string& verb) {
  if (options.files.empty()) {
    return FailLocally(
        context, absl::StrCat("must specify what to ", verb, " with -f FILE, -f FOLDER or -f -"),
        kExitUsage);
  }
  auto read = ReadManifests(options.files, context.in, options.strict);
  if (!read.ok()) return FailLocally(context, std::string(read.status().message()));
  for (const manifest::Diagnostic& diagnostic : read->diagnostics) {
    context.err << manifest::ToString(diagnostic) << "\n";
  }
  if (manifest::HasErrors(read->diagnostics)) {
    context.err << "Nothing was changed.\n";
    return kExitError;
  }
  if (read->objects.empty()) {
    return FailLocally(context, absl::StrCat("no objects passed to ", verb), kExitNothingMatched);
  }
  for (FileObject& object : read->objects) {
    if (const absl::Status status = SetNamespace(context, options, object); !status.ok()) {
      return FailLocally(context, std::string(status.message()));
    }
  }
  return std::move(read->objects);
}

admin::v1::ApplyRequest RequestFor(const std::vector<FileObject>& objects) {
  admin::v1::ApplyRequest request;
  for (const FileObject& object : objects) *request.add_objects() = object.document.object;
  return request;
}

int FailWithPlaces(Context& context, const std::vector<FileObject>& objects,
                   const absl::Status& status) {
  const auto problems = ProblemsOf(status);
  if (!problems) return Fail(context, status);
  PrintProblems(context, objects, *problems);
  return kExitError;
}

void PrintWarnings(Context& context, const std::vector<FileObject>& objects,
                   const google::protobuf::RepeatedPtrField<admin::v1::ApplyWarning>& warnings) {
  for (const admin::v1::ApplyWarning& warning : warnings) {
    const auto index = static_cast<size_t>(warning.object_index());
    std::string text = warning.text();
    if (!warning.path().empty()) text = absl::StrCat(warning.path(), ": ", text);
    if (!warning.path().empty() && index < objects.size()) {
      text = absl::StrCat(Place(objects[index], warning.path()), ": ", text);
    }
    Warn(context, text);
  }
}

}  // namespace muster::ctl
