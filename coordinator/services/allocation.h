#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/ip_address.h"
#include "common/base/random.h"
#include "coordinator/admission/problem.h"
#include "muster/v1/cluster.pb.h"

namespace muster::coordinator {

// Where Services get their addresses and node ports. A plain value.
struct ServiceRanges {
  // One, or two of different families; the first one is that of Services which do not choose.
  std::vector<IpRange> cluster_ips;
  int node_port_min = 30000;
  int node_port_max = 32767;

  bool operator==(const ServiceRanges&) const = default;
};

// "10.96.0.0/12" or "10.96.0.0/12,fd00:10:96::/112", and "30000-32767". InvalidArgument names the
// part that is wrong; ranges from /12 (IPv4) and /64 (IPv6) to four addresses are taken.
absl::StatusOr<ServiceRanges> ParseServiceRanges(const std::string& cluster_ips,
                                                 const std::string& node_ports);

// What the Services that are there have. A plain value.
class TakenByServices {
 public:
  void Add(const v1::Service& service);

  bool Has(const IpAddress& address) const { return addresses_.contains(address); }
  bool HasPort(int port, const std::string& protocol) const {
    return ports_.contains({port, protocol});
  }
  // With any protocol.
  bool HasPort(int port) const;

 private:
  std::set<IpAddress> addresses_;
  std::set<std::pair<int, std::string>> ports_;
};

// Gives a Service that was admitted (defaults filled in, what `stored` has kept) the addresses,
// families and node ports that it lacks, as Kubernetes does: ipFamilies and ipFamilyPolicy, a
// clusterIP of each family (chosen at random, so that one that was just given back is not used
// again at once), node ports of types NodePort and LoadBalancer.
//
// `taken` is what all others have; what this one gets is not added. Problems are in Kubernetes'
// words; the Service is of no use then. Pure.
std::vector<Problem> AllocateService(const ServiceRanges& ranges, const TakenByServices& taken,
                                     const RandomBits& random, v1::Service& service);

// Whether the Service lacks anything that AllocateService would give it.
bool NeedsAllocation(const v1::Service& service);

}  // namespace muster::coordinator
