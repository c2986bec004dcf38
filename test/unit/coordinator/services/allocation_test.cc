#include "coordinator/services/allocation.h"

#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/services/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

ServiceRanges Ranges(const std::string& ips, const std::string& ports = "30000-30009") {
  return *ParseServiceRanges(ips, ports);
}

// Families, policy and addresses, with a star for what was chosen from a range.
std::string Shown(const v1::Service& service, const ServiceRanges& ranges) {
  std::vector<std::string> ips;
  for (const std::string& text : service.spec().cluster_ips()) {
    std::string shown = text;
    for (const IpRange& range : ranges.cluster_ips) {
      if (const auto ip = ParseIp(text); ip && range.Contains(*ip)) shown = ToText(range);
    }
    ips.push_back(shown);
  }
  return absl::StrCat(absl::StrJoin(service.spec().ip_families(), "+"), " ",
                      service.spec().ip_family_policy(), " ", absl::StrJoin(ips, "+"));
}

TEST(ParseServiceRanges, WhatIsTaken) {
  const struct {
    const char *ips, *ports;
    const char* problem;  // Null: none.
  } rows[] = {
      {"10.96.0.0/12", "30000-32767", nullptr},
      {"10.96.0.0/12, fd00::/112", "1-65535", nullptr},
      {"fd00::/108,10.0.0.0/24", "80-80", nullptr},
      {"10.0.0.0/8", "1-2", "IPv4 range is from /12 to /30"},
      {"10.0.0.0/31", "1-2", "IPv4 range is from /12 to /30"},
      {"fd00::/63", "1-2", "IPv6 range is from /64 to /126"},
      {"10.0.0.0/16,10.1.0.0/16", "1-2", "two IPv4 ranges"},
      {"", "1-2", "there has to be a range"},
      {"x", "1-2", "no range such as"},
      {"10.0.0.0/16", "2-1", "no range of ports"},
      {"10.0.0.0/16", "0-1", "no range of ports"},
      {"10.0.0.0/16", "1-65536", "no range of ports"},
      {"10.0.0.0/16", "1", "no range of ports"},
  };
  for (const auto& row : rows) {
    const absl::StatusOr<ServiceRanges> ranges = ParseServiceRanges(row.ips, row.ports);
    EXPECT_EQ(ranges.ok(), row.problem == nullptr) << row.ips << " " << row.ports;
    if (row.problem != nullptr) {
      EXPECT_THAT(ranges.status().message(), HasSubstr(row.problem));
    }
  }
}

TEST(AllocateService, FamiliesAndAddresses) {
  const std::string ports = ", ports: [{port: 80}]}";
  const struct {
    const char* rule;
    const char* ranges;
    std::string spec;
    const char* shown;
  } rows[] = {
      {"one range", "10.96.0.0/16", "{selector: {a: b}" + ports, "IPv4 SingleStack 10.96.0.0/16"},
      {"the first of two", "fd00::/112,10.96.0.0/16", "{selector: {a: b}" + ports,
       "IPv6 SingleStack fd00::/112"},
      {"the family asked for", "10.96.0.0/16,fd00::/112",
       "{selector: {a: b}, ipFamilies: [IPv6]" + ports, "IPv6 SingleStack fd00::/112"},
      {"both where there are both", "10.96.0.0/16,fd00::/112",
       "{selector: {a: b}, ipFamilyPolicy: PreferDualStack" + ports,
       "IPv4+IPv6 PreferDualStack 10.96.0.0/16+fd00::/112"},
      {"one where there is one", "10.96.0.0/16",
       "{selector: {a: b}, ipFamilyPolicy: PreferDualStack" + ports,
       "IPv4 PreferDualStack 10.96.0.0/16"},
      {"both are needed", "10.96.0.0/16,fd00::/112",
       "{selector: {a: b}, ipFamilyPolicy: RequireDualStack, ipFamilies: [IPv6]" + ports,
       "IPv6+IPv4 RequireDualStack fd00::/112+10.96.0.0/16"},
      {"the address tells the family", "10.96.0.0/16,fd00::/112",
       "{selector: {a: b}, clusterIP: \"fd00::5\"" + ports, "IPv6 SingleStack fd00::/112"},
      {"headless", "10.96.0.0/16", "{selector: {a: b}, clusterIP: None" + ports,
       "IPv4 SingleStack None"},
      {"headless, of both families", "10.96.0.0/16,fd00::/112",
       "{selector: {a: b}, clusterIP: None, ipFamilyPolicy: PreferDualStack" + ports,
       "IPv4+IPv6 PreferDualStack None"},
      {"headless, of whatever somebody writes", "10.96.0.0/16", "{clusterIP: None" + ports,
       "IPv4+IPv6 RequireDualStack None"},
      {"a name is no place", "10.96.0.0/16", "{type: ExternalName, externalName: a.b}", "  "},
  };
  for (const auto& row : rows) {
    const ServiceRanges ranges = Ranges(row.ranges);
    v1::Service service = ServiceWith("web", row.spec);
    const bool external = service.spec().type() == "ExternalName";
    EXPECT_EQ(NeedsAllocation(service), !external) << row.rule;
    EXPECT_THAT(Texts(AllocateService(ranges, {}, Dice(1), service)), IsEmpty()) << row.rule;
    EXPECT_EQ(Shown(service, ranges), row.shown) << row.rule;
    if (!external && service.spec().cluster_ip() != "None") {
      EXPECT_EQ(service.spec().cluster_ip(), service.spec().cluster_ips(0)) << row.rule;
    }
    // Once is enough.
    const v1::Service given = service;
    EXPECT_THAT(AllocateService(ranges, {}, Dice(2), service), IsEmpty());
    EXPECT_EQ(Shown(service, ranges), Shown(given, ranges)) << row.rule;
    EXPECT_EQ(service.spec().cluster_ip(), given.spec().cluster_ip()) << row.rule;
  }
}

TEST(AllocateService, WhatCannotBe) {
  const struct {
    const char* spec;
    const char* problem;
  } rows[] = {
      {"{ipFamilyPolicy: RequireDualStack, ports: [{port: 80}]}",
       "spec.ipFamilyPolicy: Invalid value: \"RequireDualStack\": this cluster is not configured "
       "for dual-stack services"},
      {"{ipFamilies: [IPv6], ports: [{port: 80}]}",
       "spec.ipFamilies[0]: Invalid value: \"IPv6\": not configured on this cluster"},
      {"{clusterIP: 10.97.0.1, ports: [{port: 80}]}",
       "spec.clusterIPs: Invalid value: [\"10.97.0.1\"]: failed to allocate IP 10.97.0.1: the "
       "provided IP (10.97.0.1) is not in the valid range. The range of valid IPs is "
       "10.96.0.0/16"},
      {"{clusterIP: 10.96.0.7, ports: [{port: 80}]}",
       "spec.clusterIPs: Invalid value: [\"10.96.0.7\"]: failed to allocate IP 10.96.0.7: "
       "provided IP is already allocated"},
      {"{type: NodePort, ports: [{port: 80, nodePort: 31000}]}",
       "spec.ports[0].nodePort: Invalid value: 31000: provided port is not in the valid range. The "
       "range of valid ports is 30000-30009"},
      {"{type: NodePort, ports: [{port: 80, nodePort: 30001}]}",
       "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated"},
  };
  TakenByServices taken;
  taken.Add(ServiceWith("other",
                        "{type: NodePort, clusterIP: 10.96.0.7, ports: [{port: 1, "
                        "nodePort: 30001}]}"));
  for (const auto& row : rows) {
    v1::Service service = ServiceWith("web", row.spec);
    EXPECT_THAT(Texts(AllocateService(Ranges("10.96.0.0/16"), taken, Dice(1), service)),
                ElementsAre(row.problem));
  }
}

TEST(AllocateService, EverythingInARangeIsUsedAndNothingTwice) {
  const ServiceRanges ranges = Ranges("10.96.0.0/28", "30000-30019");
  TakenByServices taken;
  std::set<std::string> ips;
  std::set<int> ports;
  const RandomBits dice = Dice(3);
  for (int i = 0; i < 14; ++i) {
    v1::Service service = ServiceWith("web", "{type: NodePort, ports: [{port: 80}]}");
    ASSERT_THAT(Texts(AllocateService(ranges, taken, dice, service)), IsEmpty()) << i;
    EXPECT_TRUE(ips.insert(service.spec().cluster_ip()).second);
    EXPECT_TRUE(ports.insert(service.spec().ports(0).node_port()).second);
    taken.Add(service);
  }
  EXPECT_FALSE(ips.contains("10.96.0.0"));
  EXPECT_FALSE(ips.contains("10.96.0.15"));
  v1::Service service = ServiceWith("web", "{ports: [{port: 80}]}");
  EXPECT_THAT(Texts(AllocateService(ranges, taken, dice, service)),
              ElementsAre("spec.clusterIPs: Invalid value: []: failed to allocate a serviceIP: "
                          "range 10.96.0.0/28 is full"));
}

TEST(AllocateService, NodePorts) {
  const ServiceRanges ranges = Ranges("10.96.0.0/16");
  v1::Service dns = ServiceWith("dns",
                                "{type: NodePort, ports: [{name: u, port: 53, protocol: "
                                "UDP}, {name: t, port: 53}, {name: m, port: 9153}]}");
  ASSERT_THAT(AllocateService(ranges, {}, Dice(1), dns), IsEmpty());
  EXPECT_EQ(dns.spec().ports(0).node_port(), dns.spec().ports(1).node_port());
  EXPECT_NE(dns.spec().ports(0).node_port(), dns.spec().ports(2).node_port());

  v1::Service balanced = ServiceWith("lb", "{type: LoadBalancer, ports: [{port: 80}]}");
  ASSERT_THAT(AllocateService(ranges, {}, Dice(1), balanced), IsEmpty());
  EXPECT_GE(balanced.spec().ports(0).node_port(), 30000);
  v1::Service without = ServiceWith(
      "lb", "{type: LoadBalancer, allocateLoadBalancerNodePorts: false, ports: [{port: 80}]}");
  ASSERT_THAT(AllocateService(ranges, {}, Dice(1), without), IsEmpty());
  EXPECT_EQ(without.spec().ports(0).node_port(), 0);

  TakenByServices taken;
  for (int port = 30000; port < 30010; ++port) {
    taken.Add(ServiceWith(
        "x", absl::StrCat("{type: NodePort, ports: [{port: 1, nodePort: ", port, "}]}")));
  }
  v1::Service late = ServiceWith("late", "{type: NodePort, ports: [{port: 80}]}");
  EXPECT_THAT(Texts(AllocateService(ranges, taken, Dice(1), late)),
              ElementsAre("spec.ports[0].nodePort: Invalid value: 0: failed to allocate a "
                          "nodePort: range is full"));
}

}  // namespace
}  // namespace muster::coordinator
