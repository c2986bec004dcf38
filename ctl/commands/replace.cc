#include "ctl/commands/replace.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"

namespace muster::ctl {

int RunReplace(Context& context, const ReplaceOptions& options) {
  const auto sources = ReadSources(context, options.sources, "replace");
  if (const int* exit_code = std::get_if<int>(&sources)) return *exit_code;
  const auto& objects = std::get<std::vector<FileObject>>(sources);
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  int exit_code = kExitDone;
  for (const FileObject& object : objects) {
    if (options.dry_run != DryRun::kClient) {
      admin::v1::UpdateRequest request;
      *request.mutable_object() = object.document.object;
      request.set_dry_run(options.dry_run == DryRun::kServer);
      const auto response = (*client)->Update(request);
      if (!response.ok() && response.status().code() == absl::StatusCode::kNotFound) {
        exit_code = Fail(context, absl::NotFoundError(absl::StrCat(
                                      "error when replacing \"", object.file,
                                      "\": ", std::string(response.status().message()))));
        continue;
      }
      if (!response.ok()) {
        exit_code = FailWithPlaces(context, {object}, response.status());
        continue;
      }
      PrintWarnings(context, {object}, response->warnings());
    }
    context.out << model::QualifiedName(object.document.object);
    if (!options.name_only) context.out << " replaced" << DryRunSuffix(options.dry_run);
    context.out << "\n";
  }
  return exit_code;
}

void AddReplace(CommandLine& line) {
  struct Flags {
    ReplaceOptions options;
    std::string dry_run, output;
  };
  const auto flags = std::make_shared<Flags>();
  CLI::App& app =
      line.Add("replace", "Put objects in place of those of the same names",
               [&line, flags]() -> absl::StatusOr<CommandLine::Action> {
                 MUSTER_ASSIGN_OR_RETURN(flags->options.dry_run, ParseDryRun(flags->dry_run));
                 flags->options.sources.namespace_given = line.namespace_given();
                 flags->options.name_only = flags->output == "name";
                 return [flags](Context& context) { return RunReplace(context, flags->options); };
               });
  app.add_option("-f,--filename", flags->options.sources.files,
                 "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app.add_flag("--strict", flags->options.sources.strict,
               "Refuse kinds of objects that Muster does not run");
  app.add_flag(kDryRunFlag, flags->dry_run, kDryRunHelp);
  app.add_option("-o,--output", flags->output, "name")->check(CLI::IsMember({"name"}));
}

}  // namespace muster::ctl
