#include "coordinator/daemonset/rollout_stages.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fleet.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;

constexpr char kNext[] = "image:2";

class RolloutStagesTest : public testing::Test {
 protected:
  RolloutStagesTest() { EXPECT_TRUE(fleet_.Settle()); }

  // "node: stage: why", as a person reads it.
  std::vector<std::string> Stages() {
    World world{fleet_.scene.daemon_set,
                {},
                {},
                {},
                fleet_.scene.backoff,
                fleet_.scene.priority_classes,
                fleet_.scene.now,
                Seeded(1),
                {}};
    for (const v1::Node& each : fleet_.scene.nodes) world.nodes.push_back(&each);
    for (const v1::Pod& each : fleet_.scene.pods) world.pods.push_back(&each);
    for (const v1::ControllerRevision& each : fleet_.scene.revisions) {
      world.revisions.push_back(&each);
    }
    const Survey survey(world);
    std::vector<std::string> lines;
    for (const NodeStage& each :
         StagesOf(fleet_.scene.daemon_set, survey.roster, PlanFrom(world, survey))) {
      lines.push_back(each.node + ": " + each.stage + ": " + each.why);
    }
    return lines;
  }
  void LetNextBe(Fate fate) {
    fleet_.fate = [fate](const std::string&, const std::string& image) {
      return image == kNext ? fate : Fate::kHealthy;
    };
  }

  Fleet fleet_{3};
};

TEST_F(RolloutStagesTest, ANodeGoesFromItsPlaceInLineThroughWorkToDone) {
  fleet_.Release(kNext);
  EXPECT_THAT(Stages(), ElementsAre("node-01: in work: it is taken on now",
                                    "node-02: waiting: number 1 in line, maxUnavailable 1",
                                    "node-03: waiting: number 2 in line, maxUnavailable 1"));
  fleet_.Look();
  EXPECT_THAT(Stages(), ElementsAre("node-01: in work: the pod before is stopping",
                                    "node-02: waiting: number 1 in line, maxUnavailable 1",
                                    "node-03: waiting: number 2 in line, maxUnavailable 1"));
  fleet_.Live();
  fleet_.Look();
  EXPECT_THAT(Stages()[0], "node-01: in work: the new pod is not available yet");
  fleet_.Live();
  EXPECT_THAT(Stages(), ElementsAre("node-01: done: the new pod is available",
                                    "node-02: in work: it is taken on now",
                                    "node-03: waiting: number 1 in line, maxUnavailable 1"));
}

TEST_F(RolloutStagesTest, WhoIsOutOfReachIsLeft) {
  fleet_.Lose("node-02");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(Stages(), ElementsAre("node-01: done: the new pod is available",
                                    "node-02: left: unreachable, is updated when it returns",
                                    "node-03: done: the new pod is available"));
}

TEST_F(RolloutStagesTest, AfterAHaltTheOthersAreHeldAndTheFailureIsNamed) {
  fleet_.Annotate("max-failed", "1");
  LetNextBe(Fate::kOutOfMemory);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(Stages(), ElementsAre("node-01: failed: OutOfMemory: container main ended: "
                                    "OOMKilled, exit code 137",
                                    "node-02: held: the rollout was halted",
                                    "node-03: held: the rollout was halted"));
}

TEST_F(RolloutStagesTest, SomebodyHasToDecideAboutACanaryAndAPause) {
  fleet_.Annotate("canary", "count: 1");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(Stages()[1], "node-02: held: the canary waits to be promoted");
  fleet_.Annotate("paused", "true");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(Stages()[1], "node-02: held: the rollout is paused");
}

TEST_F(RolloutStagesTest, WhereTheImageOfThePodToComeIs) {
  fleet_.Annotate("pre-pull", "true");
  fleet_.pull = [](const std::string& node, int) {
    return node == "node-01" ? "image:2: no such host" : Fleet::kPending;
  };
  fleet_.Release(kNext);
  fleet_.Steps(3);
  EXPECT_THAT(Stages(),
              ElementsAre("node-01: waiting: the image cannot be pulled: image:2: no such host; "
                          "number 1 in line, maxUnavailable 1",
                          "node-02: waiting: the image is being pulled, number 2 in line, "
                          "maxUnavailable 1",
                          "node-03: waiting: the image is being pulled, number 3 in line, "
                          "maxUnavailable 1"));
  fleet_.pull = [](const std::string& node, int) {
    return node == "node-01" ? "image:2: no such host" : "";
  };
  fleet_.Live();
  fleet_.Look();
  EXPECT_EQ(Stages()[1], "node-02: in work: the pod before is stopping");
  EXPECT_EQ(Stages()[2],
            "node-03: waiting: the image is there, number 2 in line, maxUnavailable 1");
}

TEST_F(RolloutStagesTest, AReleaseThatKillsNodesIsHeld) {
  LetNextBe(Fate::kKillsNode);
  fleet_.Release(kNext);
  fleet_.Steps(20);
  EXPECT_EQ(Stages()[2],
            "node-03: held: most of the nodes that got the new revision went silent with it");
}

TEST_F(RolloutStagesTest, ANodeThatNoLongerMatchesIsSkipped) {
  AddTaint(fleet_.Node("node-03"), "k", "NoSchedule");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(Stages()[2], "node-03: skipped: pods do not start here any more");
}

}  // namespace
}  // namespace muster::coordinator
