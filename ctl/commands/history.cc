#include "ctl/commands/history.h"

#include <functional>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/macros.h"
#include "common/model/time_text.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"
#include "ctl/commands/modify.h"

namespace muster::ctl {
namespace {

constexpr char kRestartedAt[] = "kubectl.kubernetes.io/restartedAt";

// What a verb does with one DaemonSet.
using One = std::function<absl::Status(AdminClient&, const v1::Object&)>;

int ForEach(Context& context, const HistoryOptions& options, const One& one) {
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  for (const Targets::Target& target : targets->list) {
    if (target.kind->kind != v1::Object::kDaemonSet) {
      return FailLocally(context,
                         absl::StrCat("only daemonsets have rollouts, found ",
                                      std::string(target.kind->plural), "; name one as ds/NAME"));
    }
  }
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
    const absl::Status status = one(**client, object);
    if (status.ok()) continue;
    exit_code = status.code() == absl::StatusCode::kFailedPrecondition
                    ? FailLocally(context, std::string(status.message()))
                    : Fail(context, status);
  }
  return exit_code;
}

}  // namespace

int RunRolloutHistory(Context& context, const HistoryOptions& options) {
  return ForEach(context, options, [&](AdminClient& client, const v1::Object& object) {
    admin::v1::RolloutHistoryRequest request;
    *request.mutable_ref() = RefTo(object);
    request.set_revision(options.revision);
    auto response = client.RolloutHistory(request);
    if (response.ok()) context.out << response->text();
    return response.status();
  });
}

int RunRolloutUndo(Context& context, const HistoryOptions& options) {
  return ForEach(context, options, [&](AdminClient& client, const v1::Object& object) {
    admin::v1::RolloutUndoRequest request;
    *request.mutable_ref() = RefTo(object);
    request.set_to_revision(options.revision);
    request.set_dry_run(options.dry_run != DryRun::kNone);
    auto response = client.RolloutUndo(request);
    if (!response.ok()) return response.status();
    context.out << model::QualifiedName(object);
    if (response->changed()) {
      context.out << " rolled back";
    } else {
      context.out << " skipped rollback (current template already matches revision "
                  << options.revision << ")";
    }
    context.out << DryRunSuffix(options.dry_run) << "\n";
    return absl::OkStatus();
  });
}

int RunRolloutRestart(Context& context, const HistoryOptions& options) {
  const std::string now = model::FormatTime(model::ToTime(options.now));
  return ForEach(context, options, [&](AdminClient& client, const v1::Object& object) {
    const auto modified =
        Modify(client, object, options.dry_run, [&now](v1::Object& edited) -> absl::Status {
          v1::PodTemplateSpec& pod_template =
              *edited.mutable_daemon_set()->mutable_spec()->mutable_template_();
          std::string& stamp =
              (*pod_template.mutable_metadata()->mutable_annotations())[kRestartedAt];
          if (stamp == now) {
            return absl::FailedPreconditionError(
                "a restart has already been triggered within this second; wait for the next one "
                "to trigger another");
          }
          stamp = now;
          return absl::OkStatus();
        });
    if (!modified.ok()) return modified.status();
    context.out << model::QualifiedName(object) << " restarted" << DryRunSuffix(options.dry_run)
                << "\n";
    return absl::OkStatus();
  });
}

void AddHistory(CommandLine& line) {
  CLI::App& group = line.Group("rollout", "Look after the rollout of a DaemonSet");
  using Run = int (*)(Context&, const HistoryOptions&);
  struct Added {
    CLI::App& app;
    HistoryOptions& options;
    std::string& dry_run;
  };
  const auto add = [&line, &group](const char* name, const char* description, Run run) -> Added {
    const auto options = std::make_shared<HistoryOptions>();
    const auto dry_run = std::make_shared<std::string>();
    CLI::App& app = line.Add(
        name, description,
        [options, dry_run, run]() -> absl::StatusOr<CommandLine::Action> {
          MUSTER_ASSIGN_OR_RETURN(options->dry_run, ParseDryRun(*dry_run));
          options->now = absl::Now();
          return [options, run](Context& context) { return run(context, *options); };
        },
        &group);
    app.add_option("resource", options->arguments, "ds/NAME... or ds NAME...");
    app.add_option("-l,--selector", options->selection.selector, "All with these labels");
    return {app, *options, *dry_run};
  };
  const Added history = add("history", "Show the revisions of a DaemonSet", RunRolloutHistory);
  history.app.add_option("--revision", history.options.revision, "Show the template of this one")
      ->check(CLI::NonNegativeNumber);
  const Added undo = add("undo", "Go back to an earlier revision", RunRolloutUndo);
  undo.app
      .add_option("--to-revision", undo.options.revision,
                  "To this one; 0 (default) for the one before the present")
      ->check(CLI::NonNegativeNumber);
  undo.app.add_flag(kDryRunFlag, undo.dry_run, kDryRunHelp);
  const Added restart =
      add("restart", "Replace every pod, by the rules of an update", RunRolloutRestart);
  restart.app.add_flag(kDryRunFlag, restart.dry_run, kDryRunHelp);
}

}  // namespace muster::ctl
