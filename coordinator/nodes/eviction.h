#pragma once

#include <optional>

#include "common/base/clock.h"
#include "common/model/taints.h"
#include "coordinator/placement/priority.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// When the node's NoExecute taints drive a pod out: at once (the beginning of time) when one of
// them is not tolerated, else when the shortest tolerationSeconds of those used for a taint have
// passed since that was added; nothing when it may stay. Pure.
std::optional<WallTime> EvictionTime(const model::Tolerations& tolerations,
                                     const model::Taints& taints);

bool HasNoExecuteTaint(const v1::Node& node);

// The node is down for good, as somebody has said (taint out-of-service) and its agent does not
// deny: pods that should stop there have stopped.
bool IsOutOfService(const v1::Node& node);

// What Kubernetes adds to every pod when it is created, for one that no controller of ours made:
// its priority, and 300 s of toleration for a node that is not ready or unreachable. NotFound when
// its priority class does not exist. Does nothing the second time.
absl::Status CompletePod(const PriorityClasses& classes, v1::Pod& pod);

}  // namespace muster::coordinator
