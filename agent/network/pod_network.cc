#include "agent/network/pod_network.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/ip_overlap.h"

namespace muster::agent {
namespace {

constexpr size_t kNamedMax = 5;

std::optional<IpAddress> AddressOf(const network::v1::Node& node, bool v6) {
  for (const std::string& text : node.addresses()) {
    const std::optional<IpAddress> address = ParseIp(text);
    if (address && address->v6 == v6) return address;
  }
  return std::nullopt;
}

bool IsWithin(const IpRange& subnet, const std::vector<IpRange>& ranges) {
  return std::ranges::any_of(ranges, [&](const IpRange& range) {
    return subnet.prefix >= range.prefix && range.Contains(subnet.base);
  });
}

std::string Texts(const std::vector<IpRange>& ranges) {
  return absl::StrJoin(ranges, ",", [](std::string* out, const IpRange& range) {
    absl::StrAppend(out, ToText(range));
  });
}

}  // namespace

PodNetwork MakePodNetwork(const ServiceTable& table, const std::string& node) {
  PodNetwork network;
  for (const std::string& text : table.ranges().pods()) {
    if (const auto range = ParseIpRange(text)) network.fleet.push_back(*range);
  }
  std::map<std::pair<IpAddress, int>, IpAddress> routes;
  for (const auto& [name, entry] : table.nodes()) {
    for (const std::string& text : entry.pod_cidrs()) {
      const std::optional<IpRange> subnet = ParseIpRange(text);
      if (!subnet) continue;
      if (!IsWithin(*subnet, network.fleet)) {
        if (name == node) {
          network.problem = absl::StrCat("its subnet ", text, " is not within the fleet's ranges (",
                                         Texts(network.fleet),
                                         "); a node that is deleted and joins again gets another");
        }
        continue;
      }
      // Without an address of that family no other node has a way to these pods.
      const std::optional<IpAddress> address = AddressOf(entry, subnet->base.v6);
      if (!address) continue;
      if (name == node) {
        network.own.push_back(*subnet);
        network.addresses.push_back(*address);
      } else {
        routes.try_emplace({subnet->base, subnet->prefix}, *address);
      }
    }
  }
  for (const auto& [subnet, gateway] : routes) {
    const IpRange range{subnet.first, subnet.second};
    const auto overlaps = [&range](const IpRange& own) { return Overlap(own, range); };
    if (std::ranges::none_of(network.own, overlaps)) network.routes.push_back({range, gateway});
  }
  return network;
}

RouteChanges ChangesOf(const std::vector<PodRoute>& now, const std::vector<PodRoute>& wanted) {
  const auto missing = [](const std::vector<PodRoute>& from, const std::vector<PodRoute>& in) {
    std::vector<PodRoute> those;
    for (const PodRoute& route : from) {
      if (std::ranges::find(in, route) == in.end()) those.push_back(route);
    }
    return those;
  };
  return {missing(now, wanted), missing(wanted, now)};
}

std::string CniConfig(const std::vector<IpRange>& own, int mtu) {
  std::vector<std::string> ranges, routes;
  for (const IpRange& subnet : own) {
    ranges.push_back(absl::StrCat("[{\"subnet\": \"", ToText(subnet), "\"}]"));
    routes.push_back(absl::StrCat("{\"dst\": \"", subnet.base.v6 ? "::/0" : "0.0.0.0/0", "\"}"));
  }
  const std::string size = mtu > 0 ? absl::StrCat(" \"mtu\": ", mtu, ",") : "";
  return absl::StrCat(
      "{\n  \"cniVersion\": \"0.4.0\",\n  \"name\": \"", kCniNetworkName,
      "\",\n  \"plugins\": [\n    {\"type\": \"bridge\", \"bridge\": \"", kBridgeName,
      "\", \"isGateway\": true, \"forceAddress\": true,\n     \"ipMasq\": false, "
      "\"hairpinMode\": true,",
      size, "\n     \"ipam\": {\"type\": \"host-local\", \"ranges\": [",
      absl::StrJoin(ranges, ", "), "],\n              \"routes\": [", absl::StrJoin(routes, ", "),
      "]}},\n    {\"type\": \"portmap\", \"capabilities\": {\"portMappings\": true}}\n  ]\n}\n");
}

BridgeStep NextBridgeStep(const BridgeSituation& situation, const PodNetwork& network) {
  if (!situation.wanted || !situation.other_configs.empty()) {
    if (!situation.in_use) return BridgeStep::kRemove;
    // Without any configuration the runtime could not take pods off the bridge.
    return situation.other_configs.empty() ? BridgeStep::kLeave : BridgeStep::kStepBack;
  }
  if (!situation.known) return BridgeStep::kLeave;
  if (!network.own.empty()) return BridgeStep::kKeep;
  return situation.in_use ? BridgeStep::kLeave : BridgeStep::kRemove;
}

PodNetworkState StateOf(const BridgeSituation& situation, const PodNetwork& network,
                        const std::vector<std::string>& unreachable) {
  if (!situation.other_configs.empty()) {
    return {false, "OtherNetwork",
            absl::StrCat("the host has a CNI configuration of its own (",
                         situation.other_configs.front(), "), so 'network: bridge' does nothing")};
  }
  if (!network.problem.empty()) return {true, "WrongSubnet", network.problem};
  if (network.own.empty()) {
    return {true, "NoSubnet", "the coordinator has not given this node a subnet for its pods yet"};
  }
  std::string message = absl::StrCat("pods are on the bridge ", kBridgeName, " with addresses of ",
                                     Texts(network.own));
  if (!unreachable.empty()) {
    const std::vector<std::string> named(
        unreachable.begin(), unreachable.begin() + std::min(unreachable.size(), kNamedMax));
    absl::StrAppend(&message, "; no way to those of ", absl::StrJoin(named, ", "),
                    named.size() < unreachable.size()
                        ? absl::StrCat(" and ", unreachable.size() - named.size(), " more")
                        : "");
  }
  return {false, "BridgeIsUp", message};
}

}  // namespace muster::agent
