#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/host/host.h"
#include "agent/network/pod_network.h"
#include "agent/runtime/runtime.h"
#include "common/base/clock.h"
#include "muster/v1/node.pb.h"

namespace muster::agent {

struct NodeStatusInput {
  const HostFacts& facts;
  const std::optional<RuntimeInfo>& runtime;
  std::string node_name;
  std::string node_ip;  // As in NodeIps.
  std::string agent_version;
  int pods_max = 110;
  // Each makes the node not ready, in this order. Empty ones do not.
  std::vector<std::string> problems;
  std::vector<std::string> pressure;  // Conditions that are true, such as "DiskPressure".
  // Of memory and disk, what pods cannot have because they are evicted before (kubelet's
  // allocatable).
  int64_t memory_kept_bytes = 0, disk_kept_bytes = 0;
  const std::vector<ImageStatus>* images = nullptr;
  std::optional<PodNetworkState> pod_network;  // Set when the agent keeps it.
};

// The status of the node as kubelet reports it: capacity, addresses, system facts, and the
// conditions Ready, MemoryPressure, DiskPressure, PIDPressure, and NetworkUnavailable where the
// agent keeps the network of pods. Pure. Conditions that did not change keep their transition
// times; lastHeartbeatTime is `now` in all.
v1::NodeStatus MakeNodeStatus(const NodeStatusInput& input, const v1::NodeStatus& previous,
                              WallTime now);

// What a node status tells of images (kubelet's nodeStatusMaxImages): the 50 largest, each with at
// most five of its names.
std::vector<v1::ContainerImage> LargestImages(const std::vector<ImageStatus>& images);

// The node's addresses, one of each family at most: those of the configuration ("192.0.2.7" or
// "192.0.2.7,2001:db8::7"); without, those of the interface with the default route.
std::vector<std::string> NodeIps(const std::string& configured, const HostFacts& facts);

// Equal but for lastHeartbeatTime, so not worth a message.
bool SameNodeStatus(const v1::NodeStatus& a, const v1::NodeStatus& b);

// What the runtime's own view of itself means for the node; empty when it is ready.
std::string RuntimeProblem(const RuntimeInfo& info);
std::string NetworkProblem(const RuntimeInfo& info);

}  // namespace muster::agent
