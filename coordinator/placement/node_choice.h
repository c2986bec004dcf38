#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "coordinator/placement/fit.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Why a pod must not be put on the node however much room there is, in the words of Kubernetes'
// scheduler: the node is cordoned, has a taint that the pod itself does not tolerate, or is not
// what its nodeSelector and required node affinity ask for. Empty when it may be. Pure.
std::string Hindrance(const v1::PodSpec& pod, const v1::Node& node);

// One node that may be chosen, and what is on it.
struct NodeCandidate {
  const v1::Node* node;
  const NodeLoad* load;
};

struct NodeChoice {
  const v1::Node* node = nullptr;  // Null: none fits.
  // How many nodes each reason keeps the pod from.
  std::map<std::string, int> reasons;
  // Nodes where only room is missing.
  std::vector<NodeCandidate> crowded;
};

// The node for a pod that may run on several: of those where it fits the one that is the least
// loaded with it (the mean of the shares of cpu and memory that are requested, then the number of
// pods), of equal ones the first by name. Always the same for the same question. Pure.
NodeChoice ChooseNode(const v1::PodSpec& pod, const PodFootprint& footprint,
                      absl::Span<const NodeCandidate> candidates);

// The scheduler's message about a pod that none of `node_count` nodes takes.
std::string UnschedulableMessage(const std::map<std::string, int>& reasons, int node_count);

}  // namespace muster::coordinator
