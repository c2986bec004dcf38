// What pods get as their resolv.conf.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "agent/translate/translate.h"
#include "test/unit/agent/translate/fixtures.h"

namespace muster::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class DnsTest : public ::testing::Test {
 protected:
  DnsTest() {
    node_.host_dns = {{"1.1.1.1"}, {"lan"}, {"timeout:1", "rotate"}};
    node_.cluster_dns = {"169.254.20.10"};
  }
  DnsConfig Made() const { return *MakeSandboxConfig(pod_, 0, node_)->dns; }
  v1::PodSpec& Spec() { return *pod_.mutable_spec(); }

  v1::Pod pod_ = MakePod();
  NodeContext node_ = MakeNode();
};

// Spec: pod/16/dns-policies, pod/16/dns-host-network
TEST_F(DnsTest, PolicyAndNetworkTellWhoseResolverItIs) {
  struct Row {
    const char* policy;
    bool host_network;
    const char* server;
  };
  for (const Row& row : {Row{"ClusterFirst", false, "169.254.20.10"},
                         {"ClusterFirst", true, "1.1.1.1"},
                         {"ClusterFirstWithHostNet", true, "169.254.20.10"},
                         {"ClusterFirstWithHostNet", false, "169.254.20.10"},
                         {"Default", false, "1.1.1.1"},
                         {"Default", true, "1.1.1.1"}}) {
    Spec().set_dns_policy(row.policy);
    Spec().set_host_network(row.host_network);
    EXPECT_THAT(Made().servers, ElementsAre(row.server)) << row.policy << row.host_network;
  }
}

// Spec: pod/16/dns-config
TEST_F(DnsTest, ConfigurationIsAddedToWhatThePolicySays) {
  Spec().set_dns_policy("Default");
  v1::PodDNSConfig& config = *Spec().mutable_dns_config();
  for (const char* server : {"1.1.1.1", "9.9.9.9"}) config.add_nameservers(server);
  for (const char* search : {"lan", "example.org"}) config.add_searches(search);
  const std::pair<const char*, const char*> options[] = {
      {"timeout", "5"}, {"ndots", "2"}, {"edns0", ""}};
  for (const auto& [name, value] : options) {
    v1::PodDNSConfigOption& option = *config.add_options();
    option.set_name(name);
    if (*value != '\0') option.set_value(value);
  }
  EXPECT_EQ(Made(), (DnsConfig{{"1.1.1.1", "9.9.9.9"},
                               {"lan", "example.org"},
                               {"timeout:5", "rotate", "ndots:2", "edns0"}}));
}

// Spec: pod/16/dns-limits, pod/16/dns-length
TEST_F(DnsTest, WhatResolversWouldNotReadIsLeftOutAndTold) {
  Spec().set_dns_policy("Default");
  EXPECT_EQ(DnsLeftOut(pod_, node_), std::nullopt);
  for (int i = 2; i < 6; ++i) node_.host_dns.servers.push_back(absl::StrCat("1.1.1.", i));
  EXPECT_THAT(Made().servers, ElementsAre("1.1.1.1", "1.1.1.2", "1.1.1.3"));
  EXPECT_EQ(DnsLeftOut(pod_, node_),
            "Nameserver limits were exceeded, some nameservers have been omitted, the applied "
            "nameserver line is: 1.1.1.1 1.1.1.2 1.1.1.3");

  for (int i = 0; i < 40; ++i) node_.host_dns.searches.push_back(absl::StrCat("s", i));
  EXPECT_THAT(Made().searches, SizeIs(32));
  EXPECT_THAT(*DnsLeftOut(pod_, node_), HasSubstr("; Search Line limits were exceeded"));

  // 16 of 127 characters and the blanks between them are 2047.
  node_.host_dns.searches.clear();
  for (int i = 10; i < 27; ++i) {
    node_.host_dns.searches.push_back(absl::StrCat(i, std::string(125, 'x')));
  }
  EXPECT_THAT(Made().searches, SizeIs(16));
  node_.host_dns.searches.resize(16);
  node_.host_dns.searches[0] += 'y';
  EXPECT_THAT(Made().searches, SizeIs(16)) << "2048 are allowed";
  node_.host_dns.searches[0] += 'y';
  EXPECT_THAT(Made().searches, SizeIs(15));
}

}  // namespace
}  // namespace muster::agent
