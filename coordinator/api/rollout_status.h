#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

struct RolloutState {
  std::string line;  // As kubectl prints it, without the newline.
  bool done = false;
  bool failed = false;  // With done: it was halted, or went back.
};

// kubectl's `rollout status` for one look at a DaemonSet, with what Muster adds: it is done when
// every node that can be reached is, unless `all_nodes` are asked for, and it can fail. The line
// says which nodes are left for later. Pure. FailedPrecondition for the update strategy OnDelete,
// whose roll-out nobody drives.
absl::StatusOr<RolloutState> RolloutStateOf(const v1::DaemonSet& daemon_set,
                                            bool all_nodes = false);

}  // namespace muster::coordinator
