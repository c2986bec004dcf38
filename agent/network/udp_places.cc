#include "agent/network/udp_places.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

namespace muster::agent {
namespace {

constexpr char kUdp[] = "UDP";

void AddService(const ServiceTable& table, const network::v1::Service& service, UdpPlaces& all) {
  const bool any_udp = std::ranges::any_of(
      service.ports(), [](const network::v1::Port& port) { return port.protocol() == kUdp; });
  if (service.cluster_ips().empty() || !any_udp) return;
  const std::vector<ServicePlace> places = table.PlacesOf(service.namespace_(), service.name());
  for (const network::v1::Port& port : service.ports()) {
    if (port.protocol() != kUdp) continue;
    std::map<bool, std::set<PodEndpoint>> serving;  // By family.
    for (const ServicePlace& place : places) {
      if (!place.ready && !place.serving) continue;
      for (const network::v1::SlicePort& its : place.slice->ports()) {
        if (its.name() != port.name() || its.protocol() != kUdp) continue;
        serving[place.address.v6].insert({place.address, its.port()});
      }
    }
    for (const std::string& text : service.cluster_ips()) {
      const std::optional<IpAddress> address = ParseIp(text);
      if (!address) continue;
      all.at_address[{*address, port.port()}].merge(std::set(serving[address->v6]));
      if (port.node_port() == 0) continue;
      all.on_host[{address->v6, port.node_port()}].merge(std::set(serving[address->v6]));
    }
  }
}

std::set<PodEndpoint> AllOf(const UdpPlaces& places) {
  std::set<PodEndpoint> all;
  for (const auto& [asked, those] : places.at_address) all.insert(those.begin(), those.end());
  for (const auto& [asked, those] : places.on_host) all.insert(those.begin(), those.end());
  return all;
}

// Something is led to a place for which there was none before, or to one less.
template <typename Key>
bool Differ(const std::map<Key, std::set<PodEndpoint>>& before,
            const std::map<Key, std::set<PodEndpoint>>& now) {
  static const std::set<PodEndpoint> kNone;
  for (const auto& [asked, places] : now) {
    const auto found = before.find(asked);
    const std::set<PodEndpoint>& old = found == before.end() ? kNone : found->second;
    if (old.empty() != places.empty() || !std::ranges::includes(places, old)) return true;
  }
  return std::ranges::any_of(before,
                             [&now](const auto& entry) { return !now.contains(entry.first); });
}

}  // namespace

UdpPlaces UdpPlacesOf(const ServiceTable& table, const HostPortTable& host_ports) {
  UdpPlaces all;
  for (const auto& [key, service] : table.services()) AddService(table, *service, all);
  for (const auto& [key, lead] : host_ports) {
    if (key.protocol != "udp") continue;
    std::set<PodEndpoint>& places =
        key.address ? all.at_address[{*key.address, key.port}] : all.on_host[{key.v6, key.port}];
    places.insert(lead.to);
    places.insert(lead.others.begin(), lead.others.end());
  }
  return all;
}

std::set<PodEndpoint> GoneUdpPlaces(const UdpPlaces& before, const UdpPlaces& now) {
  std::set<PodEndpoint> gone;
  std::ranges::set_difference(AllOf(before), AllOf(now), std::inserter(gone, gone.end()));
  return gone;
}

bool MayLeaveStaleFlows(const UdpPlaces& before, const UdpPlaces& now) {
  return Differ(before.at_address, now.at_address) || Differ(before.on_host, now.on_host);
}

bool IsStale(const UdpFlow& flow, bool to_host, const UdpPlaces& now,
             const std::set<PodEndpoint>& gone) {
  const auto at = now.at_address.find(flow.asked);
  if (at != now.at_address.end()) return !at->second.contains(flow.place);
  const auto on_host = now.on_host.find({flow.asked.address.v6, flow.asked.port});
  if (to_host && on_host != now.on_host.end()) return !on_host->second.contains(flow.place);
  return flow.asked != flow.place && gone.contains(flow.place);
}

}  // namespace muster::agent
