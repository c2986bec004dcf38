#pragma once

#include <string>
#include <string_view>

#include "common/model/labels.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::model {

// Which nodes a pod may be on by their labels and name: Kubernetes' nodeSelector and required node
// affinity. Pure.

// Every key is on the node with an equal value; "" only equals a label that is there and empty.
bool NodeSelectorMapMatches(const LabelMap& node_selector, const LabelMap& node_labels);

// Terms are alternatives; inside a term all expressions and fields have to hold. A term with
// neither matches nothing, and so does one with a requirement that cannot be parsed (a Gt value
// that is no integer, say), whatever its operator.
bool NodeSelectorMatches(const v1::NodeSelector& selector, std::string_view node_name,
                         const LabelMap& node_labels);

// Both of the above on what the pod asks for; also for preferred terms, one at a time.
bool NodeSelectorTermMatches(const v1::NodeSelectorTerm& term, std::string_view node_name,
                             const LabelMap& node_labels);

// Which demand fails first, and what the node has instead: "disk=ssd, the node has disk=hdd". Empty
// when all hold. Of several terms every one has its say.
std::string ExplainNodeSelectorMap(const LabelMap& node_selector, const LabelMap& node_labels);
std::string ExplainNodeSelector(const v1::NodeSelector& selector, std::string_view node_name,
                                const LabelMap& node_labels);

bool PodSelectsNode(const v1::PodSpec& pod, const v1::Node& node);

}  // namespace muster::model
