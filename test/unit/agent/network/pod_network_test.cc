#include "agent/network/pod_network.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

IpRange Range(const std::string& text) { return *ParseIpRange(text); }

class Fleet {
 public:
  Fleet() {
    writer_.update().mutable_ranges()->add_pods("10.244.0.0/16");
    writer_.update().mutable_ranges()->add_pods("fd00:244::/56");
  }
  Fleet& Node(const std::string& name, const std::vector<std::string>& addresses,
              const std::vector<std::string>& subnets) {
    network::v1::Node& node = *writer_.update().add_nodes();
    node.set_name(name);
    for (const std::string& address : addresses) node.add_addresses(address);
    for (const std::string& subnet : subnets) node.add_pod_cidrs(subnet);
    return *this;
  }
  PodNetwork Seen(const std::string& node) { return MakePodNetwork(*writer_.Table(), node); }

 private:
  TableWriter writer_;
};

TEST(MakePodNetwork, OwnSubnetsAndTheWaysToOthers) {
  const PodNetwork network =
      Fleet()
          .Node("n1", {"192.0.2.1", "2001:db8::1"}, {"10.244.0.0/24", "fd00:244::/64"})
          .Node("n2", {"192.0.2.2", "2001:db8::2"}, {"10.244.1.0/24", "fd00:244:0:1::/64"})
          .Node("n3", {"192.0.2.3"}, {"10.244.2.0/24", "fd00:244:0:2::/64"})
          .Seen("n1");
  EXPECT_THAT(network.own, ElementsAre(Range("10.244.0.0/24"), Range("fd00:244::/64")));
  EXPECT_THAT(network.fleet, ElementsAre(Range("10.244.0.0/16"), Range("fd00:244::/56")));
  // Nobody has a way to the IPv6 pods of a node without such an address.
  EXPECT_THAT(network.routes,
              ElementsAre(PodRoute{Range("10.244.1.0/24"), *ParseIp("192.0.2.2")},
                          PodRoute{Range("10.244.2.0/24"), *ParseIp("192.0.2.3")},
                          PodRoute{Range("fd00:244:0:1::/64"), *ParseIp("2001:db8::2")}));
  EXPECT_EQ(network.problem, "");
}

TEST(MakePodNetwork, AHostWithoutIPv6HasNoneForItsPods) {
  EXPECT_THAT(Fleet().Node("n1", {"192.0.2.1"}, {"10.244.0.0/24", "fd00:244::/64"}).Seen("n1").own,
              ElementsAre(Range("10.244.0.0/24")));
}

TEST(MakePodNetwork, NobodyDrawsTrafficThatIsNotTheFleets) {
  Fleet fleet;
  fleet.Node("n1", {"192.0.2.1"}, {"10.244.0.0/24"})
      .Node("everything", {"192.0.2.66"}, {"0.0.0.0/0"})
      .Node("whole-range", {"192.0.2.67"}, {"10.244.0.0/16"})
      .Node("mine", {"192.0.2.68"}, {"10.244.0.0/24"})
      .Node("a-part-of-mine", {"192.0.2.69"}, {"10.244.0.128/25"})
      .Node("nonsense", {"192.0.2.70"}, {"pods"})
      .Node("nowhere", {}, {"10.244.9.0/24"});
  EXPECT_THAT(fleet.Seen("n1").routes, IsEmpty());
  const PodNetwork outside = fleet.Node("old", {"192.0.2.71"}, {"10.9.0.0/24"}).Seen("old");
  EXPECT_THAT(outside.own, IsEmpty());
  EXPECT_THAT(outside.problem, HasSubstr("10.9.0.0/24 is not within"));
}

TEST(ChangesOf, OnlyWhatDiffers) {
  const PodRoute kept{Range("10.244.1.0/24"), *ParseIp("192.0.2.2")};
  const PodRoute gone{Range("10.244.2.0/24"), *ParseIp("192.0.2.3")};
  const PodRoute moved{Range("10.244.3.0/24"), *ParseIp("192.0.2.4")};
  PodRoute there = moved;
  there.gateway = *ParseIp("192.0.2.44");
  const RouteChanges changes = ChangesOf({kept, gone, moved}, {kept, there});
  EXPECT_THAT(changes.remove, ElementsAre(gone, moved));
  EXPECT_THAT(changes.add, ElementsAre(there));
  EXPECT_THAT(ChangesOf({kept}, {kept}).add, IsEmpty());
}

TEST(CniConfig, HasBothFamilies) {
  const std::string text = CniConfig({Range("10.244.0.0/24"), Range("fd00:244::/64")}, 1450);
  EXPECT_THAT(text, HasSubstr("\"name\": \"muster-bridge\""));
  EXPECT_THAT(text, HasSubstr("\"mtu\": 1450"));
  EXPECT_THAT(
      text,
      HasSubstr(R"("ranges": [[{"subnet": "10.244.0.0/24"}], [{"subnet": "fd00:244::/64"}]])"));
  EXPECT_THAT(text, HasSubstr(R"("routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}])"));
  EXPECT_THAT(CniConfig({Range("10.244.0.0/24")}, 0), Not(HasSubstr("mtu")));
}

TEST(NextBridgeStep, IsSafeWhateverIsThere) {
  const PodNetwork with = Fleet().Node("n1", {"192.0.2.1"}, {"10.244.0.0/24"}).Seen("n1");
  const PodNetwork without = Fleet().Seen("n1");
  const std::vector<std::string> other = {"/etc/cni/net.d/05-other.conflist"};
  const struct {
    const char* what;
    BridgeSituation situation;
    const PodNetwork& network;
    BridgeStep step;
  } rows[] = {
      {"asked for", {true, true, {}, false}, with, BridgeStep::kKeep},
      {"with pods", {true, true, {}, true}, with, BridgeStep::kKeep},
      {"nothing is known yet", {true, false, {}, true}, without, BridgeStep::kLeave},
      {"no subnet yet", {true, true, {}, false}, without, BridgeStep::kRemove},
      {"the subnet is gone, pods are not", {true, true, {}, true}, without, BridgeStep::kLeave},
      {"the host has its own", {true, true, other, false}, with, BridgeStep::kRemove},
      {"the host got its own", {true, true, other, true}, with, BridgeStep::kStepBack},
      {"not asked for", {false, true, {}, false}, with, BridgeStep::kRemove},
      {"not any more, with pods", {false, true, {}, true}, with, BridgeStep::kLeave},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(NextBridgeStep(row.situation, row.network), row.step) << row.what;
  }
}

TEST(StateOf, SaysWhatIsMissing) {
  const PodNetwork with = Fleet().Node("n1", {"192.0.2.1"}, {"10.244.0.0/24"}).Seen("n1");
  const BridgeSituation wanted{true, true, {}, false};
  PodNetworkState state = StateOf(wanted, with, {});
  EXPECT_FALSE(state.unavailable);
  EXPECT_EQ(state.reason, "BridgeIsUp");
  EXPECT_EQ(state.message, "pods are on the bridge muster0 with addresses of 10.244.0.0/24");
  EXPECT_THAT(StateOf(wanted, with, {"a", "b", "c", "d", "e", "f"}).message,
              HasSubstr("no way to those of a, b, c, d, e and 1 more"));
  state = StateOf(wanted, Fleet().Seen("n1"), {});
  EXPECT_TRUE(state.unavailable);
  EXPECT_EQ(state.reason, "NoSubnet");
  state = StateOf({true, true, {"/etc/cni/net.d/x.conf"}, false}, with, {});
  EXPECT_FALSE(state.unavailable);
  EXPECT_EQ(state.reason, "OtherNetwork");
  EXPECT_THAT(state.message, HasSubstr("/etc/cni/net.d/x.conf"));
  state = StateOf(wanted, Fleet().Node("n1", {"192.0.2.1"}, {"10.9.0.0/24"}).Seen("n1"), {});
  EXPECT_TRUE(state.unavailable);
  EXPECT_EQ(state.reason, "WrongSubnet");
}

}  // namespace
}  // namespace muster::agent
