#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/network/pod_network.h"

namespace muster::agent {

// What an agent does for the network of its pods with `network: bridge`, and takes back without.
struct BridgeInput {
  bool wanted = false;
  bool known = false;  // As in BridgeSituation.
  std::string cni_config_dir;
  PodNetwork network;
};
struct BridgeOutcome {
  PodNetworkState state;
  // Whether the pods' traffic needs our rules.
  bool active = false;
  absl::Status problem;
};

// Makes this host as it should be: CNI's configuration, routes, forwarding. Writes only what
// differs. Idempotent; blocks on the disk.
BridgeOutcome ApplyBridge(const BridgeInput& input);

// Takes away configuration, routes, bridge and the addresses' bookkeeping, whoever is on it.
absl::Status RemoveBridge(const std::string& cni_config_dir);

}  // namespace muster::agent
