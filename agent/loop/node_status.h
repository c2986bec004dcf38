#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/host/host.h"
#include "agent/runtime/runtime.h"
#include "common/base/clock.h"
#include "muster/v1/node.pb.h"

namespace muster::agent {

struct NodeStatusInput {
  const HostFacts& facts;
  const std::optional<RuntimeInfo>& runtime;
  std::string node_name;
  std::string node_ip;  // From the configuration; empty: the address of the default route.
  std::string agent_version;
  int pods_max = 110;
  // Each makes the node not ready, in this order. Empty ones do not.
  std::vector<std::string> problems;
  std::vector<std::string> pressure;  // Conditions that are true, such as "DiskPressure".
  // Of memory and disk, what pods cannot have because they are evicted before (kubelet's
  // allocatable).
  int64_t memory_kept_bytes = 0, disk_kept_bytes = 0;
  const std::vector<ImageStatus>* images = nullptr;
};

// The status of the node as kubelet reports it: capacity, addresses, system facts, and the
// conditions Ready, MemoryPressure, DiskPressure and PIDPressure. Pure. Conditions that did not
// change keep their transition times; lastHeartbeatTime is `now` in all.
v1::NodeStatus MakeNodeStatus(const NodeStatusInput& input, const v1::NodeStatus& previous,
                              WallTime now);

// What a node status tells of images (kubelet's nodeStatusMaxImages): the 50 largest, each with at
// most five of its names.
std::vector<v1::ContainerImage> LargestImages(const std::vector<ImageStatus>& images);

// Equal but for lastHeartbeatTime, so not worth a message.
bool SameNodeStatus(const v1::NodeStatus& a, const v1::NodeStatus& b);

// What the runtime's own view of itself means for the node; empty when it is ready.
std::string RuntimeProblem(const RuntimeInfo& info);
std::string NetworkProblem(const RuntimeInfo& info);

}  // namespace muster::agent
