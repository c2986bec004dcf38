#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "agent/translate/context.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// What the kernel is told about pods as a whole, and about all of one quality of service
// (Kubernetes: ResourceConfigForPod, and the QoS container manager). Of the values 0 means: left
// as it is. Pure.

// Of the pod's own control group: shares of what it requests; quota and memory of what its
// containers may use together, each only if all of them are limited; its huge pages. A BestEffort
// pod has the least shares.
LinuxResources PodGroupValues(const v1::Pod& pod, const NodeContext& node);

// What its containers have together, and what it costs beside them: for the sandbox' runtime.
LinuxResources ContainersTogether(const v1::PodSpec& spec);
LinuxResources OverheadOf(const v1::PodSpec& spec);

// Of the control groups above the pods', by path or slice: the root has shares of the CPUs that
// the node has for pods, Burstable those that its pods request together, BestEffort the least.
// Nothing when there are no pods.
std::map<std::string, LinuxResources> ClassGroupValues(const std::vector<const v1::Pod*>& pods,
                                                       const NodeContext& node);

// The same text for the same group with the same values, for people and to compare.
std::string DescribeGroup(const std::string& path, const LinuxResources& values);

}  // namespace muster::agent
