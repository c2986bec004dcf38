#pragma once

#include <optional>
#include <string>
#include <vector>

#include "agent/network/service_table.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// The network that the agent gives its pods with `network: bridge`: a Linux bridge, which CNI's
// plug-ins make, with a subnet of its own, and routes to those of the other nodes. Everything here
// is pure; host/bridge.h does it.

inline constexpr char kBridgeName[] = "muster0";
inline constexpr char kCniNetworkName[] = "muster-bridge";
inline constexpr char kCniConfigName[] = "10-muster-bridge.conflist";
// Of the kernel's numbers of those who make routes, one that nobody has (rtnetlink(7): 4 and up are
// anybody's; /etc/iproute2/rt_protos names those in use).
inline constexpr unsigned char kRouteProtocol = 109;

// The way to the pods of another node.
struct PodRoute {
  IpRange subnet;
  IpAddress gateway;  // The node's own address.

  bool operator==(const PodRoute&) const = default;
};

struct PodNetwork {
  std::vector<IpRange> own;  // This node's subnets, of those families that it has addresses of.
  std::vector<IpAddress> addresses;  // Its own, one for each of these.
  std::vector<IpRange> fleet;        // Where the subnets of all nodes are from.
  std::vector<PodRoute> routes;      // By subnet.
  // Why the node has none although it was given some; empty otherwise.
  std::string problem;

  bool operator==(const PodNetwork&) const = default;
};

// As the table has it for the node with this name. What is not within the fleet's ranges is left
// out: no node can draw others' traffic to itself by what it says of itself.
PodNetwork MakePodNetwork(const ServiceTable& table, const std::string& node);

// What makes `wanted` of the routes with our number that are there.
struct RouteChanges {
  std::vector<PodRoute> remove, add;
};
RouteChanges ChangesOf(const std::vector<PodRoute>& now, const std::vector<PodRoute>& wanted);

// CNI's configuration (its specification 0.4.0) for Debian's and everybody's plug-ins: bridge,
// host-local, portmap. The runtime adds loopback itself. `mtu` 0: the plug-in's default.
std::string CniConfig(const std::vector<IpRange>& own, int mtu);

// What is to be done on the host.
struct BridgeSituation {
  bool wanted = false;  // The settings say `network: bridge`.
  // Whether anything is known of the fleet: from the disk, or from the coordinator.
  bool known = false;
  std::vector<std::string> other_configs;  // Files of CNI's that are not ours.
  bool in_use = false;                     // Pods are on the bridge.
};
enum class BridgeStep {
  kLeave,     // As it is, whatever it is.
  kKeep,      // Configuration, routes and rules are to be as MakePodNetwork has them.
  kStepBack,  // The same without the configuration: there is another one, but pods of before.
  kRemove,    // Nothing of ours stays.
};
BridgeStep NextBridgeStep(const BridgeSituation& situation, const PodNetwork& network);

// Of the condition NetworkUnavailable. Plain value.
struct PodNetworkState {
  bool unavailable = true;
  std::string reason, message;

  bool operator==(const PodNetworkState&) const = default;
};
// `unreachable`: nodes to whose pods no route could be made.
PodNetworkState StateOf(const BridgeSituation& situation, const PodNetwork& network,
                        const std::vector<std::string>& unreachable);

}  // namespace muster::agent
