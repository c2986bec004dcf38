#pragma once

#include <functional>

#include "common/model/resources.h"
#include "muster/v1/container.pb.h"

namespace muster::model {

using AmountsOf = std::function<const ResourceMap&(const v1::ResourceRequirements&)>;

// What a pod has of something that its containers have each (their requests, or their limits), by
// Kubernetes' rule: the larger of what the regular containers and the sidecars have together and
// what any init container has beside the sidecars before it. Without what is said of the pod as a
// whole, and without its overhead.
ResourceAmounts SumOverContainers(const v1::PodSpec& pod, const AmountsOf& amounts_of);

}  // namespace muster::model
