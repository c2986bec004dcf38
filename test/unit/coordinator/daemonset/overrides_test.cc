// What overrides mean for the pods of a whole DaemonSet: which are replaced, which stay.

#include <string>
#include <vector>

#include "coordinator/daemonset/node_templates.h"
#include "coordinator/templates/effective.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr char kBig[] = "- {selector: {tier: big}, containers: [{name: main, image: 'image:big'}]}";

// Nodes "a" and "b", the second big, each with the pod that belongs there.
class OverridesTest : public ::testing::Test {
 protected:
  OverridesTest() {
    for (const char* name : {"a", "b"}) scene_.nodes.push_back(NodeNamed(name));
    SetTier(1, "big");
    stored_ = scene_.daemon_set;
    stored_.mutable_spec()
        ->mutable_update_strategy()
        ->mutable_rolling_update()
        ->mutable_max_unavailable()
        ->set_int_value(2);
  }

  void SetTier(int node, const std::string& tier) {
    (*scene_.nodes[node].mutable_metadata()->mutable_labels())["tier"] = tier;
  }
  void SetOverrides(const std::string& text) {
    (*stored_.mutable_metadata()->mutable_annotations())[kOverridesAnnotation] = text;
  }
  v1::Container& Main() {
    return *stored_.mutable_spec()->mutable_template_()->mutable_spec()->mutable_containers(0);
  }

  DaemonSetPlan Plan() {
    const v1::DaemonSetStatus status = scene_.daemon_set.status();
    scene_.daemon_set = EffectiveDaemonSet(stored_, "");
    *scene_.daemon_set.mutable_status() = status;
    scene_.SettleRevisions();
    return scene_.Plan();
  }

  // Plans and carries out until nothing is left to do; what is made becomes ready at once.
  void Settle() {
    for (int round = 0; round < 10; ++round) {
      DaemonSetPlan plan = Plan();
      if (plan.status) *scene_.daemon_set.mutable_status() = *plan.status;
      if (plan.create.empty() && plan.remove.empty()) return;
      for (const std::string& name : PodsOf(plan.remove)) {
        std::erase_if(scene_.pods,
                      [&](const v1::Pod& pod) { return pod.metadata().name() == name; });
      }
      for (v1::Pod& pod : plan.create) {
        pod.mutable_metadata()->set_uid("uid-" + std::to_string(++made_));
        *pod.mutable_metadata()->mutable_creation_timestamp() = FromWallTime(kWall);
        pod.mutable_spec()->set_node_name(TargetNode(pod.spec()));
        SetReady(pod, true);
        scene_.pods.push_back(std::move(pod));
      }
    }
    ADD_FAILURE() << "does not settle";
  }

  const v1::Pod& PodOf(const std::string& node) const {
    for (const v1::Pod& pod : scene_.pods) {
      if (TargetNode(pod.spec()) == node) return pod;
    }
    static const v1::Pod kNone;
    ADD_FAILURE() << "no pod on " << node;
    return kNone;
  }
  std::string ImageOn(const std::string& node) const {
    return PodOf(node).spec().containers(0).image();
  }
  std::vector<std::string> Replaced(const std::vector<std::string>& before) const {
    std::vector<std::string> replaced;
    const char* const nodes[] = {"a", "b"};
    for (size_t i = 0; i < 2; ++i) {
      if (PodOf(nodes[i]).metadata().uid() != before[i]) replaced.emplace_back(nodes[i]);
    }
    return replaced;
  }
  std::vector<std::string> Uids() const {
    return {PodOf("a").metadata().uid(), PodOf("b").metadata().uid()};
  }

  Scene scene_;
  v1::DaemonSet stored_;
  int made_ = 0;
};

TEST_F(OverridesTest, EachNodeGetsThePodOfItsClass) {
  SetOverrides(kBig);
  Settle();
  EXPECT_EQ(ImageOn("a"), "image:1");
  EXPECT_EQ(ImageOn("b"), "image:big");
  EXPECT_FALSE(PodOf("b").metadata().annotations().contains(kOverridesAnnotation));
  EXPECT_TRUE(PodOf("b").metadata().labels().contains(kTemplateHashLabel));
}

TEST_F(OverridesTest, AddingOneReplacesThePodsThatTurnOutDifferently) {
  Settle();
  const std::vector<std::string> before = Uids();
  SetOverrides(kBig);
  Settle();
  EXPECT_THAT(Replaced(before), ElementsAre("b"));
  EXPECT_EQ(ImageOn("b"), "image:big");
}

TEST_F(OverridesTest, AddingOneFindsThePodsOfARevisionWhoseNameWasTaken) {
  scene_.daemon_set.mutable_status()->set_collision_count(1);
  Settle();
  const std::vector<std::string> before = Uids();
  SetOverrides(kBig);
  Settle();
  EXPECT_THAT(Replaced(before), ElementsAre("b"));
}

TEST_F(OverridesTest, TakingThemAwayReplacesTheSamePods) {
  SetOverrides(kBig);
  Settle();
  const std::vector<std::string> before = Uids();
  stored_.mutable_metadata()->mutable_annotations()->erase(kOverridesAnnotation);
  Settle();
  EXPECT_THAT(Replaced(before), ElementsAre("b"));
  EXPECT_EQ(ImageOn("b"), "image:1");
}

TEST_F(OverridesTest, ATemplateThatAnOverrideHidesReplacesOnlyTheOthers) {
  SetOverrides(kBig);
  Settle();
  const std::vector<std::string> before = Uids();
  Main().set_image("image:2");
  Settle();
  EXPECT_THAT(Replaced(before), ElementsAre("a"));
  EXPECT_EQ(ImageOn("a"), "image:2");
}

TEST_F(OverridesTest, AnotherTextOfTheSameMeaningReplacesNothing) {
  SetOverrides(kBig);
  Settle();
  const std::vector<std::string> before = Uids();
  SetOverrides(std::string("# big ones\n") + kBig + "\n");
  Settle();
  EXPECT_THAT(Replaced(before), IsEmpty());
}

TEST_F(OverridesTest, ANodeOfAnotherClassGetsAnotherPod) {
  SetOverrides(kBig);
  Settle();
  std::vector<std::string> before = Uids();
  SetTier(0, "big");
  Settle();
  EXPECT_THAT(Replaced(before), ElementsAre("a"));
  EXPECT_EQ(ImageOn("a"), "image:big");
  before = Uids();
  SetTier(1, "small");
  Settle();
  EXPECT_THAT(Replaced(before), ElementsAre("b"));
  EXPECT_EQ(ImageOn("b"), "image:1");
}

TEST_F(OverridesTest, ReplacementsKeepToTheBudget) {
  stored_.mutable_spec()
      ->mutable_update_strategy()
      ->mutable_rolling_update()
      ->mutable_max_unavailable()
      ->set_int_value(1);
  SetTier(0, "big");
  Settle();
  SetOverrides(kBig);
  const DaemonSetPlan plan = Plan();
  EXPECT_EQ(plan.remove.size(), 1u);
}

// Nodes that the change leaves as they are prove nothing, and do not use the canary up.
TEST_F(OverridesTest, ACanaryByCountIsANodeThatTheChangeChanges) {
  for (const char* name : {"c", "d"}) scene_.nodes.push_back(NodeNamed(name));
  SetTier(2, "big");
  SetOverrides(kBig);
  Settle();
  (*stored_.mutable_metadata()->mutable_annotations())["muster.dev/canary"] = "{count: 1}";
  SetOverrides("- {selector: {tier: big}, containers: [{name: main, image: 'image:bigger'}]}");
  Settle();
  EXPECT_EQ(ImageOn("b"), "image:bigger");
  EXPECT_EQ(ImageOn("c"), "image:big");
  const v1::DaemonSetRollout& rollout = scene_.daemon_set.status().rollout();
  EXPECT_EQ(rollout.phase(), kPhaseAwaitingPromotion);
  EXPECT_EQ(rollout.taken(), 1);
  EXPECT_EQ(rollout.updated(), 3);
  (*stored_.mutable_metadata()->mutable_annotations())["muster.dev/rollout-request"] =
      "promote " + rollout.revision();
  Settle();
  EXPECT_EQ(ImageOn("c"), "image:bigger");
  EXPECT_EQ(scene_.daemon_set.status().rollout().phase(), kPhaseComplete);
}

TEST_F(OverridesTest, AreARevisionThatComesBackWithItsHash) {
  Settle();
  const std::string plain = scene_.Hash();
  SetOverrides(kBig);
  Settle();
  const std::string big = scene_.Hash();
  EXPECT_NE(plain, big);
  stored_.mutable_metadata()->mutable_annotations()->erase(kOverridesAnnotation);
  Plan();
  EXPECT_EQ(scene_.Hash(), plain);
  SetOverrides(kBig);
  Plan();
  EXPECT_EQ(scene_.Hash(), big);
}

}  // namespace
}  // namespace muster::coordinator
