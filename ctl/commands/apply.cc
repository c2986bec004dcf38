#include "ctl/commands/apply.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/commands/rollout.h"
#include "ctl/output/object_format.h"

namespace muster::ctl {
namespace {

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

void PrintOutcome(Context& context, const ApplyOptions& options, const v1::Object& object,
                  const char* outcome) {
  context.out << model::QualifiedName(object) << " " << outcome << DryRunSuffix(options.dry_run)
              << "\n";
}

int PrintObjects(Context& context, ObjectFormat& format, const std::vector<v1::Object>& objects) {
  const absl::Status status = format.Print(objects, objects.size() != 1, context.out);
  return status.ok() ? kExitDone : FailLocally(context, std::string(status.message()));
}

// One after the other: a rollout that is done by then ends at once.
int WaitForRollouts(Context& context, const ApplyOptions& options, AdminClient& client,
                    const admin::v1::ApplyResponse& response) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point begun = Clock::now();
  int exit_code = kExitDone;
  for (const ApplyResult& result : response.results()) {
    if (!result.object().has_daemon_set()) continue;
    const v1::DaemonSet& daemon_set = result.object().daemon_set();
    // Somebody else drives that one.
    if (daemon_set.spec().update_strategy().type() == "OnDelete") continue;
    RolloutStatusOptions status;
    if (options.timeout) {
      const auto passed =
          std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun);
      status.timeout = std::max(*options.timeout - passed, std::chrono::milliseconds(1));
    }
    admin::v1::ObjectRef ref;
    ref.set_resource("daemonsets");
    ref.set_namespace_(daemon_set.metadata().namespace_());
    ref.set_name(daemon_set.metadata().name());
    const int followed = FollowRollout(context, client, ref, status);
    if (exit_code == kExitDone) exit_code = followed;
  }
  return exit_code;
}

int ApplyAtCoordinator(Context& context, const ApplyOptions& options,
                       const std::vector<FileObject>& objects,
                       std::optional<ObjectFormat>& format) {
  admin::v1::ApplyRequest request = RequestFor(objects);
  request.set_dry_run(options.dry_run == DryRun::kServer);
  request.set_change_cause(options.change_cause);
  request.set_create_only(options.create_only);
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  auto response = (*client)->Apply(request);
  if (!response.ok() && options.create_only && options.sources.files.size() == 1 &&
      response.status().code() == absl::StatusCode::kAlreadyExists) {
    return Fail(context, absl::AlreadyExistsError(absl::StrCat(
                             "error when creating \"", options.sources.files[0], "\": ",
                             std::string(response.status().message()), "; nothing was created")));
  }
  if (!response.ok()) return FailWithPlaces(context, objects, response.status());
  PrintWarnings(context, objects, response->warnings());
  if (format) {
    std::vector<v1::Object> results;
    for (auto& result : *response->mutable_results()) {
      results.push_back(std::move(*result.mutable_object()));
    }
    return PrintObjects(context, *format, results);
  }
  for (const auto& result : response->results()) {
    PrintOutcome(context, options, result.object(), OutcomeText(result.outcome()));
  }
  if (!options.wait || options.dry_run != DryRun::kNone) return kExitDone;
  context.out.flush();
  return WaitForRollouts(context, options, **client, *response);
}

}  // namespace

int RunApply(Context& context, const ApplyOptions& options) {
  std::optional<ObjectFormat> format;
  if (!options.output.empty()) {
    auto parsed = ObjectFormat::Parse(options.output);
    if (!parsed.ok()) {
      return FailLocally(context, std::string(parsed.status().message()), kExitUsage);
    }
    format = *std::move(parsed);
  }
  if (options.record) WarnOfRecord(context);
  const auto sources =
      ReadSources(context, options.sources, options.create_only ? "create" : "apply");
  if (const int* exit_code = std::get_if<int>(&sources)) return *exit_code;
  const auto& objects = std::get<std::vector<FileObject>>(sources);
  if (options.dry_run != DryRun::kClient) {
    return ApplyAtCoordinator(context, options, objects, format);
  }
  if (format) {
    std::vector<v1::Object> results;
    for (const FileObject& object : objects) results.push_back(object.document.object);
    return PrintObjects(context, *format, results);
  }
  for (const FileObject& object : objects) {
    PrintOutcome(context, options, object.document.object, "created");
  }
  return kExitDone;
}

void AddApply(CommandLine& line) {
  const auto options = std::make_shared<ApplyOptions>();
  const auto dry_run = std::make_shared<std::string>();
  const auto timeout = std::make_shared<std::string>();
  CLI::App& app =
      line.Add("apply", "Make the fleet as the manifests say",
               [&line, options, dry_run, timeout]() -> absl::StatusOr<CommandLine::Action> {
                 MUSTER_ASSIGN_OR_RETURN(options->dry_run, ParseDryRun(*dry_run));
                 MUSTER_ASSIGN_OR_RETURN(options->timeout, ParseTimeout(*timeout));
                 options->sources.namespace_given = line.namespace_given();
                 if (options->record) options->change_cause = line.ChangeCause();
                 return [options](Context& context) { return RunApply(context, *options); };
               });
  app.add_option("-f,--filename", options->sources.files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app.add_flag("--record", options->record, "Keep this command line as the change's cause");
  app.add_flag("--strict", options->sources.strict,
               "Refuse kinds of objects that Muster does not run");
  app.add_flag("--wait", options->wait,
               "Follow the rollouts of the DaemonSets to their end, as rollout status does");
  app.add_option("--timeout", *timeout, "How long to wait for all of them; 0 for ever");
  app.add_flag(kDryRunFlag, *dry_run, kDryRunHelp);
  app.add_option("-o,--output", options->output, ObjectFormat::Forms());
}

void AddCreate(CommandLine& line) {
  const auto options = std::make_shared<ApplyOptions>();
  options->create_only = true;
  const auto dry_run = std::make_shared<std::string>();
  CLI::App& app =
      line.Add("create", "Make objects that are not there yet",
               [&line, options, dry_run]() -> absl::StatusOr<CommandLine::Action> {
                 MUSTER_ASSIGN_OR_RETURN(options->dry_run, ParseDryRun(*dry_run));
                 options->sources.namespace_given = line.namespace_given();
                 return [options](Context& context) { return RunApply(context, *options); };
               });
  app.add_option("-f,--filename", options->sources.files, "File, folder or - with the manifests")
      ->allow_extra_args(false);
  app.add_flag("--strict", options->sources.strict,
               "Refuse kinds of objects that Muster does not run");
  app.add_flag(kDryRunFlag, *dry_run, kDryRunHelp);
  app.add_option("-o,--output", options->output, ObjectFormat::Forms());
}

}  // namespace muster::ctl
