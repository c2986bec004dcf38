// Nodes that go silent in a rollout: before they got the new revision, and with it.

#include <chrono>
#include <string>
#include <vector>

#include "coordinator/daemonset/rollout.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fleet.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::SizeIs;

constexpr char kGood[] = "image:1";
constexpr char kNext[] = "image:2";

// Every node runs kGood, and the rollout to it is complete.
class SilentNodesTest : public testing::Test {
 protected:
  SilentNodesTest() { EXPECT_TRUE(fleet_.Settle()); }

  Fleet fleet_{5};
};

// Kubernetes would mark the silent node's pod, wait for it, and never go on.
TEST_F(SilentNodesTest, ANodeOutOfReachTakesNothingFromTheBudgetAndIsUpdatedWhenItReturns) {
  for (const bool tolerated : {false, true}) {
    Fleet fleet(5);
    if (tolerated) {
      v1::Toleration& everything = *fleet.scene.daemon_set.mutable_spec()
                                        ->mutable_template_()
                                        ->mutable_spec()
                                        ->add_tolerations();
      everything.set_operator_("Exists");
    }
    ASSERT_TRUE(fleet.Settle());
    fleet.Lose("node-02");
    fleet.Release(kNext);
    ASSERT_TRUE(fleet.Settle());
    EXPECT_THAT(fleet.NodesWith(kNext), ElementsAre("node-01", "node-03", "node-04", "node-05"));
    EXPECT_THAT(fleet.NodesWith(kGood), ElementsAre("node-02"));  // And not marked.
    EXPECT_EQ(fleet.rollout().phase(), kPhaseComplete);
    EXPECT_THAT(fleet.rollout().left_nodes(), ElementsAre("node-02"));
    EXPECT_THAT(fleet.Condition("Progressing").message(),
                HasSubstr("left for later, unreachable: node-02"));
    EXPECT_THAT(fleet.events.back().message, HasSubstr("node-02"));
    fleet.Return("node-02");
    ASSERT_TRUE(fleet.Settle());
    EXPECT_THAT(fleet.NodesWith(kNext), SizeIs(5));
    EXPECT_THAT(fleet.rollout().left_nodes(), IsEmpty());
  }
}

TEST_F(SilentNodesTest, WhoIsCutOffFromMostNodesIsNotDone) {
  for (const char* node : {"node-02", "node-03", "node-04"}) fleet_.Lose(node);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseAwaitingNodes);
  EXPECT_EQ(fleet_.Condition("Progressing").reason(), "AwaitingNodes");
  EXPECT_FALSE(fleet_.rollout().complete());
  for (const char* node : {"node-02", "node-03", "node-04"}) fleet_.Return(node);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
}

TEST_F(SilentNodesTest, ANodeThatDiesAfterItGotTheNewPodHoldsNobodyUp) {
  for (const bool surge : {false, true}) {
    Fleet fleet(5);
    ASSERT_TRUE(fleet.Settle());
    fleet.Rolling().mutable_max_unavailable()->set_int_value(surge ? 0 : 1);
    fleet.Rolling().mutable_max_surge()->set_int_value(surge ? 1 : 0);
    fleet.fate = [](const std::string& node, const std::string& image) {
      return image == kNext && node == "node-01" ? Fate::kKillsNode : Fate::kHealthy;
    };
    fleet.Release(kNext);
    ASSERT_TRUE(fleet.Settle());
    EXPECT_TRUE(fleet.IsLost("node-01"));
    EXPECT_THAT(fleet.NodesWith(kNext), IsSupersetOf({"node-02", "node-03", "node-04", "node-05"}));
    EXPECT_EQ(fleet.rollout().phase(), kPhaseComplete);
  }
}

// The objection to the above: a release that takes nodes down with it must still stop.
TEST_F(SilentNodesTest, AReleaseThatKillsNodesIsHeldUntilTheyAreBackOrSomebodyResumesIt) {
  for (const bool resumed : {false, true}) {
    Fleet fleet(5);
    ASSERT_TRUE(fleet.Settle());
    fleet.fate = [](const std::string&, const std::string& image) {
      return image == kNext ? Fate::kKillsNode : Fate::kHealthy;
    };
    fleet.Release(kNext);
    fleet.Steps(50);
    EXPECT_TRUE(fleet.IsLost("node-01") && fleet.IsLost("node-02"));
    EXPECT_THAT(fleet.NodesWith(kGood), ElementsAre("node-03", "node-04", "node-05"));
    EXPECT_EQ(fleet.rollout().phase(), kPhaseProgressing);
    ASSERT_THAT(fleet.rollout().failures(), SizeIs(2));
    EXPECT_EQ(fleet.rollout().failures(0).reason(), "NodeLost");
    EXPECT_EQ(fleet.Condition("Degraded").status(), "True");
    // It was something else.
    fleet.fate = [](const std::string&, const std::string&) { return Fate::kHealthy; };
    if (resumed) {
      fleet.Request("resume");
    } else {
      fleet.Return("node-01");
      fleet.Return("node-02");
    }
    ASSERT_TRUE(fleet.Settle());
    EXPECT_THAT(fleet.NodesWith(kNext), SizeIs(5)) << resumed;
    EXPECT_EQ(fleet.Condition("Degraded").status(), "False");
  }
}

}  // namespace
}  // namespace muster::coordinator
