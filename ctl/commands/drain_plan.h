#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "muster/v1/object.pb.h"

namespace muster::ctl {

struct DrainRules {
  bool force = false;                 // Also pods that nobody would make again.
  bool ignore_daemonsets = false;     // Their pods stay.
  bool delete_emptydir_data = false;  // Also pods that keep data in an emptyDir.
};

// What a drain does with the pods of a node.
struct DrainPlan {
  std::vector<const v1::Pod*> evict;
  // One per reason, for people; with any of them nothing may be evicted.
  std::vector<std::string> refusals;
  // What is done or left in spite of something, in one line; empty when there is nothing to say.
  std::string warning;
};

// kubectl's rules, pure. `daemon_owner_uids`: of the DaemonSets and DaemonJobs there are.
DrainPlan PlanDrain(absl::Span<const v1::Pod* const> pods,
                    const std::set<std::string>& daemon_owner_uids, const DrainRules& rules);

}  // namespace muster::ctl
