#pragma once

#include <string>
#include <vector>

#include "coordinator/daemonset/plan.h"
#include "coordinator/explain/explanation.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What `why` is answered from: the world as the planner sees it, what it found there and what it
// would do next. Nothing is judged here a second time: placement, fit, roles and budget are the
// planner's own answers, and this puts them into words.
struct ExplainInput {
  const World& world;  // Its pods are those of every namespace: they take room on nodes.
  const Survey& survey;
  const DaemonSetPlan& plan;
  std::vector<const v1::Event*> events;  // Of the DaemonSet's namespace.
};

// Why the DaemonSet's pod on the node is as it is, or is not there. Pure.
Explanation Explain(const ExplainInput& input, const std::string& node);

// The nodes that have anything to do with the DaemonSet: all that are there, and those that its
// pods are still on.
std::vector<std::string> NodesToExplain(const ExplainInput& input);

// The same for a pod that no DaemonSet keeps. `node` is the one that it is bound to or pinned to,
// null when it is not there.
Explanation ExplainPod(const v1::Pod& pod, const v1::Node* node,
                       const std::vector<const v1::Pod*>& pods,
                       const std::vector<const v1::Event*>& events, WallTime now);

}  // namespace muster::coordinator
