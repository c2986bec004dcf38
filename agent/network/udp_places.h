#pragma once

#include <map>
#include <set>
#include <utility>

#include "agent/network/host_port_table.h"
#include "agent/network/service_table.h"

namespace muster::agent {

// What the kernel remembers of packets between two ends, as it was when the first one came: later
// ones go the same way, wherever rules lead by then.
struct UdpFlow {
  PodEndpoint asked;  // What the client sends to,
  PodEndpoint place;  // and who gets it: the same when nothing was translated.
};

// Who may get what is sent by UDP to the addresses that our rules translate. A plain value.
struct UdpPlaces {
  std::map<PodEndpoint, std::set<PodEndpoint>> at_address;
  // Ports of every address of this host, by family (IPv6: true).
  std::map<std::pair<bool, int>, std::set<PodEndpoint>> on_host;

  bool empty() const { return at_address.empty() && on_host.empty(); }
  bool operator==(const UdpPlaces&) const = default;
};

// A place that still serves keeps those who came to it, also when nobody new is led there.
UdpPlaces UdpPlacesOf(const ServiceTable& table, const HostPortTable& host_ports);

// Those that are in `before` and not in `now`.
std::set<PodEndpoint> GoneUdpPlaces(const UdpPlaces& before, const UdpPlaces& now);

// Whether flows may be remembered that lead elsewhere than they should: a place is gone, or there
// is one for what had none.
bool MayLeaveStaleFlows(const UdpPlaces& before, const UdpPlaces& now);

// The flow has to be forgotten, so that its next packet is looked at like a first one. `to_host`:
// what was asked is an address of this host. `gone` are places that were there.
bool IsStale(const UdpFlow& flow, bool to_host, const UdpPlaces& now,
             const std::set<PodEndpoint>& gone);

}  // namespace muster::agent
