// The controllers give nodes subnets for their pods.
#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/controllers/loop_fixture.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class NodeSubnets : public ControllerLoopTest {
 protected:
  NodeSubnets() {
    options_.pod_ranges = *ParsePodRanges("10.244.0.0/22,fd00:244::/56", 24, 64);
    Restart();
  }
  void Ask(const std::string& name) {
    v1::Object node = Node(name);
    node.mutable_node()->mutable_status()->add_declared_features("MusterBridgeNetwork");
    Update(std::move(node));
  }
  std::string SubnetOf(const std::string& name) { return Node(name).node().spec().pod_cidr(); }
};

TEST_F(NodeSubnets, OnlyThoseThatAskGetOne) {
  Ask("node-1");
  Ask("node-3");
  ASSERT_TRUE(Settle());
  EXPECT_THAT(Node("node-1").node().spec().pod_cidrs(),
              ElementsAre("10.244.0.0/24", "fd00:244::/64"));
  EXPECT_THAT(Node("node-3").node().spec().pod_cidrs(),
              ElementsAre("10.244.1.0/24", "fd00:244:0:1::/64"));
  EXPECT_THAT(Node("node-2").node().spec().pod_cidrs(), IsEmpty());
}

TEST_F(NodeSubnets, IsKeptAndNotGivenTwice) {
  Ask("node-2");
  ASSERT_TRUE(Settle());
  const std::string subnet = SubnetOf("node-2");
  Restart();
  Ask("node-1");
  BreakStream("node-2");
  Pass(60s);
  Return("node-2");
  ASSERT_TRUE(Settle());
  EXPECT_EQ(SubnetOf("node-2"), subnet);
  EXPECT_EQ(SubnetOf("node-1"), "10.244.1.0/24");
}

TEST_F(NodeSubnets, ADeletedNodeFreesItsOwnForWhoWaits) {
  AddNode("node-4");
  AddNode("node-5");
  for (const char* name : {"node-1", "node-2", "node-3", "node-4", "node-5"}) Ask(name);
  ASSERT_TRUE(Settle());
  EXPECT_EQ(SubnetOf("node-5"), "");
  EXPECT_THAT(
      MessagesOf("CIDRNotAvailable"),
      ElementsAre("node-5: Node node-5 status is now: CIDRNotAvailable: clusterCIDR is full"));
  Pass(60s);
  EXPECT_EQ(MessagesOf("CIDRNotAvailable").size(), 1u);
  const std::string freed = SubnetOf("node-2");
  Delete(v1::Object::kNode, "", "node-2");
  ASSERT_TRUE(Settle());
  EXPECT_EQ(SubnetOf("node-5"), freed);
  std::set<std::string> all;
  for (const char* name : {"node-1", "node-3", "node-4", "node-5"}) all.insert(SubnetOf(name));
  EXPECT_EQ(all.size(), 4u);
}

}  // namespace
}  // namespace muster::coordinator
