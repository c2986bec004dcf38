#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/base/ip_address.h"
#include "common/model/host_ports.h"

namespace muster::agent {

// A port of a pod.
struct PodEndpoint {
  IpAddress address;
  int port = 0;
  auto operator<=>(const PodEndpoint&) const = default;
};

// What clients connect to.
struct HostPortKey {
  bool v6 = false;
  std::string protocol;              // "tcp", "udp", "sctp"
  std::optional<IpAddress> address;  // Of the host; nothing: all of this family that it has.
  int port = 0;
  auto operator<=>(const HostPortKey&) const = default;
};

// Where a port of the host leads.
struct HostPortLead {
  PodEndpoint to;
  std::string pod_uid;
  // Other pods that still serve those who came to them by this port.
  std::vector<PodEndpoint> others;
  bool operator==(const HostPortLead&) const = default;
};

// The host ports that the agent itself leads to pods. A plain value.
using HostPortTable = std::map<HostPortKey, HostPortLead>;

// What this node wants of its host ports. A plain value.
struct HostPortWish {
  HostPortTable table;
  bool runtime_has_some = false;  // The runtime leads others, by what its network plug-in does.
  bool operator==(const HostPortWish&) const = default;
};

// What of a pod matters here. A plain value.
struct HostPortPod {
  std::string uid;
  std::vector<model::HostPort> ports;
  std::vector<IpAddress> addresses;  // None: it cannot be reached (yet, or any more).
  bool ready = false;
  bool terminating = false;
  int64_t began_ms = 0;  // When this node took it.
};

// A port leads to the newest pod that is ready; to one that is going only when no other is; when
// none is ready, to the one that has been there the longest, so that a pod that never becomes ready
// takes nothing over. Only pods of one DaemonSet compete; of others that want the same port the
// oldest has it. Ports of pods without zero-gap are led, too, while another pod of their DaemonSet
// is one with it: what the runtime has for them comes after our rules. Pure.
HostPortTable LeadHostPorts(const std::vector<HostPortPod>& pods);

}  // namespace muster::agent
