#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

struct RolloutState {
  std::string line;  // As kubectl prints it, without the newline.
  bool done = false;
};

// kubectl's `rollout status` for one look at a DaemonSet. Pure. FailedPrecondition for the update
// strategy OnDelete, whose roll-out nobody drives.
absl::StatusOr<RolloutState> RolloutStateOf(const v1::DaemonSet& daemon_set);

}  // namespace muster::coordinator
