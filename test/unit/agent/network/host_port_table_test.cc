#include "agent/network/host_port_table.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const HostPortKey kWeb{false, "tcp", std::nullopt, 80};

HostPortPod PodAt(const std::string& uid, const std::string& ip, int64_t began_ms, bool ready,
                  const std::string& owner = "d") {
  HostPortPod pod;
  pod.uid = uid;
  pod.ports = {{80, "TCP", "", 8080, owner, true}};
  if (!ip.empty()) pod.addresses = {*ParseIp(ip)};
  pod.ready = ready;
  pod.began_ms = began_ms;
  return pod;
}

std::string LedTo(const std::vector<HostPortPod>& pods) {
  const HostPortTable table = LeadHostPorts(pods);
  const auto found = table.find(kWeb);
  return found == table.end() ? "" : found->second.pod_uid;
}

TEST(LeadHostPorts, ToTheNewestThatIsReady) {
  const HostPortPod old_ready = PodAt("old", "10.0.0.1", 1, true);
  HostPortPod going = old_ready;
  going.terminating = true;
  EXPECT_EQ(LedTo({}), "");
  EXPECT_EQ(LedTo({PodAt("only", "10.0.0.1", 1, false)}), "only");
  EXPECT_EQ(LedTo({PodAt("only", "", 1, false)}), "") << "without an address there is no way";
  EXPECT_EQ(LedTo({old_ready, PodAt("new", "10.0.0.2", 2, false)}), "old");
  EXPECT_EQ(LedTo({old_ready, PodAt("new", "10.0.0.2", 2, true)}), "new");
  EXPECT_EQ(LedTo({going, PodAt("new", "10.0.0.2", 2, false)}), "old")
      << "better one that goes than one that is not ready";
  // Both fail: whoever came later and never was ready takes nothing over.
  EXPECT_EQ(LedTo({PodAt("old", "10.0.0.1", 1, false), PodAt("new", "10.0.0.2", 2, false)}), "old");
  // The clock was set back meanwhile: as soon as the old one goes it is of no matter.
  EXPECT_EQ(LedTo({going, PodAt("new", "10.0.0.2", 0, true)}), "new");
}

TEST(LeadHostPorts, WhoeverServesKeepsItsClients) {
  const std::vector<HostPortPod> pods = {PodAt("old", "10.0.0.1", 1, true),
                                         PodAt("lame", "10.0.0.3", 1, false),
                                         PodAt("new", "10.0.0.2", 2, true)};
  const HostPortLead lead = LeadHostPorts(pods).at(kWeb);
  EXPECT_EQ(lead.to, (PodEndpoint{*ParseIp("10.0.0.2"), 8080}));
  EXPECT_THAT(lead.others, ElementsAre(PodEndpoint{*ParseIp("10.0.0.1"), 8080}));
}

TEST(LeadHostPorts, AllFamiliesOfThePodUnlessAnAddressSaysWhich) {
  HostPortPod pod = PodAt("a", "10.0.0.1", 1, true);
  pod.addresses.push_back(*ParseIp("fd00::1"));
  pod.ports = {{80, "TCP", "", 8080, "d", true},
               {53, "UDP", "192.0.2.1", 5353, "d", true},
               {54, "UDP", "::", 5353, "d", true},
               {55, "TCP", "0.0.0.0", 5355, "d", true}};
  std::vector<HostPortKey> keys;
  for (const auto& [key, lead] : LeadHostPorts({pod})) {
    keys.push_back(key);
    EXPECT_EQ(lead.to.address.v6, key.v6);
  }
  EXPECT_THAT(keys, ElementsAre(HostPortKey{false, "tcp", std::nullopt, 55}, kWeb,
                                HostPortKey{false, "udp", *ParseIp("192.0.2.1"), 53},
                                HostPortKey{true, "tcp", std::nullopt, 80},
                                HostPortKey{true, "udp", std::nullopt, 54}));
}

TEST(LeadHostPorts, PlainPodsOnlyBesideOneWithZeroGap) {
  HostPortPod plain = PodAt("plain", "10.0.0.1", 1, true);
  plain.ports[0].zero_gap = false;
  EXPECT_THAT(LeadHostPorts({plain}), IsEmpty()) << "the runtime leads to it";
  // The rollout that brings zero-gap, and the one that takes it away.
  EXPECT_EQ(LedTo({plain, PodAt("new", "10.0.0.2", 2, false)}), "plain");
  EXPECT_EQ(LedTo({plain, PodAt("new", "10.0.0.2", 2, true)}), "new");
  EXPECT_EQ(LedTo({PodAt("old", "10.0.0.2", 0, true), plain}), "plain");
}

TEST(LeadHostPorts, OfStrangersTheFirstHasIt) {
  EXPECT_EQ(LedTo({PodAt("b", "10.0.0.2", 2, true, "e"), PodAt("a", "10.0.0.1", 1, false, "d")}),
            "a");
  EXPECT_EQ(LedTo({PodAt("b", "10.0.0.2", 2, true, ""), PodAt("a", "10.0.0.1", 1, false, "")}), "a")
      << "pods without a DaemonSet are each for itself";
}

}  // namespace
}  // namespace muster::agent
