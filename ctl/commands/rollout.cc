#include "ctl/commands/rollout.h"

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/flags.h"

namespace muster::ctl {

int RunRolloutStatus(Context& context, const RolloutStatusOptions& options) {
  const auto targets = ParseTargets(options.arguments);
  if (!targets.ok()) return FailLocally(context, std::string(targets.status().message()));
  if (targets->list.size() != 1 || targets->list[0].name.empty()) {
    return FailLocally(context, "name one DaemonSet, as in: rollout status ds/NAME", kExitUsage);
  }
  if (targets->list[0].kind->kind != v1::Object::kDaemonSet) {
    return FailLocally(context, absl::StrCat("no status viewer has been implemented for ",
                                             std::string(targets->list[0].kind->plural)));
  }
  const auto client = context.client();
  if (!client.ok()) return Fail(context, client.status());
  admin::v1::RolloutStatusRequest request;
  *request.mutable_ref() = RefOf(context, targets->list[0]);
  request.set_watch(options.watch);
  const absl::Status status = (*client)->RolloutStatus(
      request, options.timeout, [&](const admin::v1::RolloutStatusUpdate& update) {
        context.out << update.line() << "\n";
        context.out.flush();
        return true;
      });
  if (status.ok()) return kExitDone;
  if (status.code() == absl::StatusCode::kDeadlineExceeded) {
    return FailLocally(context, "timed out waiting for the condition", kExitTimedOut);
  }
  if (status.code() == absl::StatusCode::kFailedPrecondition) {
    return FailLocally(context, std::string(status.message()));
  }
  return Fail(context, status);
}

void AddRollout(CommandLine& line) {
  CLI::App& group = line.Group("rollout", "Look after the rollout of a DaemonSet");
  const auto options = std::make_shared<RolloutStatusOptions>();
  const auto timeout = std::make_shared<std::string>();
  CLI::App& app = line.Add(
      "status", "Show how far the rollout is",
      [options, timeout]() -> absl::StatusOr<CommandLine::Action> {
        MUSTER_ASSIGN_OR_RETURN(options->timeout, ParseTimeout(*timeout));
        return [options](Context& context) { return RunRolloutStatus(context, *options); };
      },
      &group);
  app.add_option("resource", options->arguments, "ds/NAME or ds NAME");
  app.add_flag("-w,--watch", options->watch, "Follow it to its end (default true)");
  app.add_option("--timeout", *timeout, "How long to follow it; 0 for ever");
}

}  // namespace muster::ctl
