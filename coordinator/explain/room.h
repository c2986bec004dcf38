#pragma once

#include <optional>
#include <vector>

#include "coordinator/explain/explanation.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Why a pod does not fit on a node among the pods that are bound to it, and which of them are in
// its way; nothing when it fits. `pods` may be of any node. Pure.
std::optional<Explanation> FindLackOfRoom(const v1::Pod& pod, const v1::Node& node,
                                          const std::vector<const v1::Pod*>& pods);

}  // namespace muster::coordinator
