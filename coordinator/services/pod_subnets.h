#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ip_address.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

// Where nodes get the subnets of their pods. A plain value.
struct PodRanges {
  std::vector<IpRange> clusters;  // One of each family at most; none: no node gets a subnet.
  int node_prefix_v4 = 24, node_prefix_v6 = 64;

  int NodePrefix(bool v6) const { return v6 ? node_prefix_v6 : node_prefix_v4; }
  bool operator==(const PodRanges&) const = default;
};

// "10.244.0.0/16" or "10.244.0.0/16,fd00:10:244::/56", or "" for none. As in Kubernetes a range has
// 65,536 subnets at most. InvalidArgument names what is wrong.
absl::StatusOr<PodRanges> ParsePodRanges(const std::string& cluster_cidr, int64_t node_prefix_v4,
                                         int64_t node_prefix_v6);

// Subnets that nodes have. A plain value.
class TakenPodSubnets {
 public:
  explicit TakenPodSubnets(PodRanges ranges) : ranges_(std::move(ranges)) {}

  void Add(const v1::Node& node);
  // Gives the node the lowest free subnet of each range, which is taken then. False when one of the
  // ranges is full: nothing is given.
  bool Give(v1::Node& node);

 private:
  bool IsFree(const IpRange& subnet) const;

  const PodRanges ranges_;
  std::set<IpAddress> usual_;     // First addresses of those that are as long as a node's are now.
  std::vector<IpRange> unusual_;  // Of before the settings changed, or somebody's own.
  uint64_t first_[2] = {0, 0};    // Of each family: those before it are not free.
};

// Whether the node's agent waits for subnets.
bool NeedsPodSubnets(const v1::Node& node);

}  // namespace muster::coordinator
