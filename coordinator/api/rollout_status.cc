#include "coordinator/api/rollout_status.h"

#include "absl/strings/str_cat.h"
#include "coordinator/daemonset/rollout.h"
#include "coordinator/daemonset/rollout_words.h"

namespace muster::coordinator {
namespace {

// The counts that a rollout is measured by.
struct Counts {
  int desired = 0;
  int updated = 0;
  int available = 0;
};

Counts CountsOf(const v1::DaemonSetStatus& status, bool all_nodes) {
  const v1::DaemonSetRollout& rollout = status.rollout();
  if (all_nodes || rollout.revision().empty()) {
    return {status.desired_number_scheduled(), status.updated_number_scheduled(),
            status.number_available()};
  }
  return {rollout.nodes(), rollout.updated(), rollout.done()};
}

// How it goes by itself, in kubectl's words.
RolloutState ByCounts(const std::string& name, const v1::DaemonSetStatus& status, bool all_nodes) {
  const v1::DaemonSetRollout& rollout = status.rollout();
  const Counts counts = CountsOf(status, all_nodes);
  const std::string waiting = absl::StrCat("Waiting for daemon set \"", name, "\" ");
  if (rollout.phase() == kPhaseAwaitingPromotion) {
    return {absl::StrCat(waiting, "rollout to finish: the canary is done on ",
                         NodeCount(rollout.taken()), " out of ", counts.desired,
                         ", promote or abort it...")};
  }
  if (rollout.phase() == kPhasePaused) {
    return {absl::StrCat(waiting, "rollout to finish: paused, ", counts.updated, " out of ",
                         counts.desired, " new pods have been updated...")};
  }
  const std::string doing =
      rollout.rolled_back_from().empty()
          ? "rollout to finish: "
          : absl::StrCat("to go back from revision ", rollout.rolled_back_from(), ": ");
  if (counts.updated < counts.desired) {
    return {absl::StrCat(waiting, doing, counts.updated, " out of ", counts.desired,
                         " new pods have been updated...")};
  }
  if (counts.available < counts.desired) {
    return {absl::StrCat(waiting, doing, counts.available, " of ", counts.desired,
                         " updated pods are available...")};
  }
  if (rollout.left() > 0 && (all_nodes || rollout.nodes() == 0)) {
    return {absl::StrCat(waiting, doing, NodeCount(rollout.left()),
                         rollout.left() == 1 ? " is" : " are",
                         " left for later, unreachable: ", LeftNodes(rollout), "...")};
  }
  if (!rollout.rolled_back_from().empty()) {
    return {absl::StrCat("daemon set \"", name, "\" was rolled back from revision ",
                         rollout.rolled_back_from(), ": ", WhyRolledBack(rollout)),
            true, true};
  }
  const std::string left =
      rollout.left() == 0
          ? ""
          : absl::StrCat(NodeCount(rollout.left()),
                         " left for later, unreachable: ", LeftNodes(rollout), "\n");
  return {absl::StrCat(left, "daemon set \"", name, "\" successfully rolled out"), true};
}

}  // namespace

absl::StatusOr<RolloutState> RolloutStateOf(const v1::DaemonSet& daemon_set, bool all_nodes) {
  const std::string& type = daemon_set.spec().update_strategy().type();
  if (!type.empty() && type != "RollingUpdate") {
    return absl::FailedPreconditionError(
        "rollout status is only available for RollingUpdate strategy type");
  }
  const v1::DaemonSetStatus& status = daemon_set.status();
  if (daemon_set.metadata().generation() > status.observed_generation()) {
    return RolloutState{"Waiting for daemon set spec update to be observed..."};
  }
  const std::string& name = daemon_set.metadata().name();
  const v1::DaemonSetRollout& rollout = status.rollout();
  if (rollout.phase() == kPhaseHalted) {
    return RolloutState{absl::StrCat("daemon set \"", name, "\" rollout was halted: ",
                                     rollout.halt_reason(), ": ", rollout.halt_message()),
                        true, true};
  }
  if (rollout.phase() == kPhaseSuspended) {
    const int still = status.current_number_scheduled() + status.number_misscheduled();
    if (still == 0)
      return RolloutState{absl::StrCat("daemon set \"", name, "\" is suspended"), true};
    return RolloutState{absl::StrCat("Waiting for daemon set \"", name,
                                     "\" to be suspended: ", NodeCount(still),
                                     still == 1 ? " has" : " have", " a pod that goes...")};
  }
  return ByCounts(name, status, all_nodes);
}

}  // namespace muster::coordinator
