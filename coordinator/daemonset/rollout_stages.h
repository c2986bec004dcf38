#pragma once

#include <string>
#include <vector>

#include "coordinator/daemonset/plan.h"
#include "coordinator/daemonset/roster.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// Where one node stands in a rollout, and why.
struct NodeStage {
  std::string node;
  // "done", "in work", "failed", "waiting" (its turn comes), "held" (somebody has to decide),
  // "left" (until it returns) or "skipped" (no longer for this node). Stable.
  std::string stage;
  std::string why;

  bool operator==(const NodeStage&) const = default;
};

// All nodes that the DaemonSet means anything to, by name; those that wait say which place in the
// order they have. Told from the verdicts that the plan was made from, and the plan itself. Pure.
std::vector<NodeStage> StagesOf(const v1::DaemonSet& daemon_set, const Roster& roster,
                                const DaemonSetPlan& plan);

}  // namespace muster::coordinator
