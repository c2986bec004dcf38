#pragma once

#include "agent/workload/pod_status.h"
#include "muster/v1/pod_status.pb.h"

namespace muster::agent {

// The part of a pod's status about one container, as kubelet's generic container manager makes it:
// the newest instance is the state, the one before (or, while waiting, the newest) the last state.
v1::ContainerStatus MakeContainerStatus(const StatusInput& input, const v1::Container& container,
                                        bool is_init, const v1::ContainerStatus* previous,
                                        WallTime now);

// Kubernetes: getPhase over statuses. `terminating` pods that have stopped are Succeeded or Failed.
std::string PhaseOf(const v1::Pod& pod, const v1::PodStatus& status, bool terminating);

}  // namespace muster::agent
