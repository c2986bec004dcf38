#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/model/host_ports.h"
#include "common/model/resources.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What a pod takes from its node. Pods of one template share theirs.
struct PodFootprint {
  model::ResourceAmounts requests;
  std::vector<model::HostPort> host_ports;

  bool operator==(const PodFootprint&) const = default;
};

PodFootprint FootprintOf(const v1::Pod& pod);

// What the pods on one node take together. Only pods that are bound to it and have not ended
// belong here; terminating ones still do. A plain value.
class NodeLoad {
 public:
  void Add(const PodFootprint& footprint);
  // Of a footprint that was added before.
  void Remove(const PodFootprint& footprint);

  int pod_count() const { return pod_count_; }
  const model::ResourceAmounts& requests() const { return requests_; }
  const std::vector<model::HostPort>& host_ports() const { return host_ports_; }

 private:
  int pod_count_ = 0;
  model::ResourceAmounts requests_;
  std::vector<model::HostPort> host_ports_;
};

// One thing that keeps a pod from starting on its node now.
struct Misfit {
  enum class Kind : uint8_t { kHostPort, kPodCount, kResource };
  Kind kind = Kind::kResource;
  model::HostPort port;    // Of kHostPort: the one that is wanted and taken.
  std::string resource;    // Of kResource, and "pods".
  model::Quantity wanted;  // Of kResource.
  model::Quantity free;    // What is left of it; below zero when the node is overcommitted.

  // In the words of Kubernetes' scheduler.
  std::string Text() const;
};

// Like the scheduler it looks at ports first and speaks of the rest only when these are free.
//
// A resource that the node does not list has none of it; one that is not requested is not looked
// at, however overcommitted the node is.
std::vector<Misfit> FindMisfits(const PodFootprint& pod, const model::ResourceMap& allocatable,
                                const NodeLoad& load);

// The texts of FindMisfits; empty when the pod fits.
std::vector<std::string> Misfits(const PodFootprint& pod, const model::ResourceMap& allocatable,
                                 const NodeLoad& load);

// The same for a pod object among the pods that are on the node.
std::vector<std::string> Fit(const v1::Pod& pod, const v1::Node& node,
                             absl::Span<const v1::Pod* const> pods_on_node);

// The scheduler's message about a pod that fits none of `node_count` nodes, since it belongs on
// one only and that has `misfits`.
std::string UnschedulableMessage(const std::vector<std::string>& misfits, int node_count);

}  // namespace muster::coordinator
