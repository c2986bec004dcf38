#include "coordinator/api/rollout_status.h"

#include "absl/strings/str_cat.h"

namespace muster::coordinator {

absl::StatusOr<RolloutState> RolloutStateOf(const v1::DaemonSet& daemon_set) {
  const std::string& type = daemon_set.spec().update_strategy().type();
  if (!type.empty() && type != "RollingUpdate") {
    return absl::FailedPreconditionError(
        "rollout status is only available for RollingUpdate strategy type");
  }
  const v1::DaemonSetStatus& status = daemon_set.status();
  if (daemon_set.metadata().generation() > status.observed_generation()) {
    return RolloutState{"Waiting for daemon set spec update to be observed...", false};
  }
  const std::string& name = daemon_set.metadata().name();
  const int desired = status.desired_number_scheduled();
  if (status.updated_number_scheduled() < desired) {
    return RolloutState{
        absl::StrCat("Waiting for daemon set \"", name, "\" rollout to finish: ",
                     status.updated_number_scheduled(), " out of ", desired,
                     " new pods have been updated..."),
        false};
  }
  if (status.number_available() < desired) {
    return RolloutState{absl::StrCat("Waiting for daemon set \"", name, "\" rollout to finish: ",
                                     status.number_available(), " of ", desired,
                                     " updated pods are available..."),
                        false};
  }
  return RolloutState{absl::StrCat("daemon set \"", name, "\" successfully rolled out"), true};
}

}  // namespace muster::coordinator
