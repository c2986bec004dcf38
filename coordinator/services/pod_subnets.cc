#include "coordinator/services/pod_subnets.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/ip_overlap.h"
#include "common/model/bridge_network.h"

namespace muster::coordinator {
namespace {

constexpr int kSubnetBitsMax = 16;
// A gateway and a pod need an address each; IPv4 loses two more.
constexpr int kNodePrefixMaxV4 = 30, kNodePrefixMaxV6 = 126;

std::vector<IpRange> SubnetsOf(const v1::Node& node) {
  std::vector<IpRange> subnets;
  const auto add = [&subnets](const std::string& text) {
    const std::optional<IpRange> subnet = ParseIpRange(text);
    if (subnet && std::ranges::find(subnets, *subnet) == subnets.end()) subnets.push_back(*subnet);
  };
  add(node.spec().pod_cidr());
  for (const std::string& text : node.spec().pod_cidrs()) add(text);
  return subnets;
}

}  // namespace

absl::StatusOr<PodRanges> ParsePodRanges(const std::string& cluster_cidr, int64_t node_prefix_v4,
                                         int64_t node_prefix_v6) {
  PodRanges ranges;
  ranges.node_prefix_v4 = static_cast<int>(node_prefix_v4);
  ranges.node_prefix_v6 = static_cast<int>(node_prefix_v6);
  const std::vector<std::string> parts = absl::StrSplit(cluster_cidr, ',', absl::SkipWhitespace());
  for (const std::string& text : parts) {
    const std::string part(absl::StripAsciiWhitespace(text));
    const std::optional<IpRange> range = ParseIpRange(part);
    if (!range) {
      return absl::InvalidArgumentError(
          absl::StrCat("\"", part, "\" is no range of addresses such as 10.244.0.0/16"));
    }
    const bool v6 = range->base.v6;
    const int prefix = ranges.NodePrefix(v6);
    if (prefix < range->prefix || prefix - range->prefix > kSubnetBitsMax ||
        prefix > (v6 ? kNodePrefixMaxV6 : kNodePrefixMaxV4)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a node's /", prefix, " has to be within ", part, ", at most ", kSubnetBitsMax,
          " bits longer, and at most /", v6 ? kNodePrefixMaxV6 : kNodePrefixMaxV4));
    }
    ranges.clusters.push_back(*range);
  }
  if (ranges.clusters.size() > 2 ||
      (ranges.clusters.size() == 2 && ranges.clusters[0].base.v6 == ranges.clusters[1].base.v6)) {
    return absl::InvalidArgumentError("there is one range of each family at most");
  }
  return ranges;
}

void TakenPodSubnets::Add(const v1::Node& node) {
  for (const IpRange& subnet : SubnetsOf(node)) {
    if (subnet.prefix == ranges_.NodePrefix(subnet.base.v6)) {
      usual_.insert(subnet.base);
    } else {
      unusual_.push_back(subnet);
    }
  }
}

bool TakenPodSubnets::IsFree(const IpRange& subnet) const {
  if (usual_.contains(subnet.base)) return false;
  return std::ranges::none_of(unusual_,
                              [&](const IpRange& other) { return Overlap(subnet, other); });
}

bool TakenPodSubnets::Give(v1::Node& node) {
  std::vector<IpRange> given;
  for (const IpRange& cluster : ranges_.clusters) {
    const int prefix = ranges_.NodePrefix(cluster.base.v6);
    uint64_t& first = first_[cluster.base.v6 ? 1 : 0];
    const uint64_t count = cluster.SubnetCount(prefix);
    while (first < count && !IsFree(cluster.Subnet(prefix, first))) ++first;
    if (first == count) return false;
    given.push_back(cluster.Subnet(prefix, first));
  }
  if (given.empty()) return false;
  v1::NodeSpec& spec = *node.mutable_spec();
  spec.set_pod_cidr(ToText(given.front()));
  for (const IpRange& subnet : given) {
    spec.add_pod_cidrs(ToText(subnet));
    usual_.insert(subnet.base);
  }
  return true;
}

bool NeedsPodSubnets(const v1::Node& node) {
  if (!node.spec().pod_cidr().empty() || !node.spec().pod_cidrs().empty()) return false;
  const auto& features = node.status().declared_features();
  return std::ranges::find(features, std::string_view(model::kBridgeNetworkFeature)) !=
         features.end();
}

}  // namespace muster::coordinator
