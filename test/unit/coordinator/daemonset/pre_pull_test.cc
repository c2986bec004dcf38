#include "coordinator/daemonset/pre_pull.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fleet.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using Answer = PrePullFacts::Answer;
using testing::Contains;
using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr char kNext[] = "image:2";
constexpr Duration kPatience = 10min;

PrePullFacts Asked(const std::string& revision, Answer answer = Answer::kNone,
                   std::optional<WallTime> retry_at = std::nullopt) {
  return {revision, kWall,  kWall,
          retry_at, answer, answer == Answer::kFailed ? "no such image" : ""};
}

TEST(JudgePull, GoesByWhatWasAskedForAndAnswered) {
  const struct {
    const char* what;
    std::optional<PrePullFacts> facts;
    WallTime now;
    PullStage stage;
    std::optional<WallTime> until;
  } cases[] = {
      {"nobody asked", std::nullopt, kWall, PullStage::kWanted, {}},
      {"for another revision", Asked("old", Answer::kPulled), kWall, PullStage::kWanted, {}},
      {"asked", Asked("new"), kWall + 9min, PullStage::kUnderWay, kWall + 10min},
      {"takes too long", Asked("new"), kWall + 10min, PullStage::kLate, {}},
      {"late is still in time", Asked("new", Answer::kPulled), kWall + 1h, PullStage::kHere, {}},
      {"failed", Asked("new", Answer::kFailed), kWall, PullStage::kUnnoticed, {}},
      {"waits", Asked("new", Answer::kFailed, kWall + 10s), kWall, PullStage::kFailed, kWall + 10s},
      {"may try", Asked("new", Answer::kFailed, kWall + 10s), kWall + 10s, PullStage::kDue, {}},
      {"is there", Asked("new", Answer::kPulled), kWall, PullStage::kHere, {}},
  };
  for (const auto& each : cases) {
    const PullJudgement judged =
        JudgePull(each.facts ? &*each.facts : nullptr, "new", kPatience, each.now);
    EXPECT_EQ(judged.stage, each.stage) << each.what;
    EXPECT_EQ(judged.until, each.until) << each.what;
  }
}

TEST(JudgePull, OneThatNobodyWantsAnyMoreCountsWhileItGoesOn) {
  const PrePullFacts under_way = Asked("new");
  const PrePullFacts over = Asked("new", Answer::kFailed);
  EXPECT_EQ(JudgeStrayPull(nullptr, kPatience, kWall).stage, PullStage::kNone);
  EXPECT_EQ(JudgeStrayPull(&under_way, kPatience, kWall).stage, PullStage::kStray);
  EXPECT_EQ(JudgeStrayPull(&under_way, kPatience, kWall).until, kWall + 10min);
  EXPECT_EQ(JudgeStrayPull(&under_way, kPatience, kWall + 10min).stage, PullStage::kNone);
  EXPECT_EQ(JudgeStrayPull(&over, kPatience, kWall).stage, PullStage::kNone);
}

TEST(PullSlots, AreSharedEvenlyWhileOthersWait) {
  const struct {
    int64_t limit, all, own, others, expected;
  } cases[] = {
      {10, 0, 0, 0, 10}, {10, 4, 4, 0, 6}, {10, 10, 10, 0, 0}, {10, 10, 10, 1, 0},
      {10, 9, 9, 1, 0},  {10, 9, 0, 1, 1}, {10, 4, 4, 1, 1},   {10, 0, 0, 2, 4},
      {1, 0, 0, 5, 1},   {1, 1, 0, 5, 0},  {10, 12, 0, 0, 0},
  };
  for (const auto& each : cases) {
    EXPECT_EQ(PullSlots(each.limit, each.all, each.own, each.others), each.expected)
        << each.limit << " " << each.all << " " << each.own << " " << each.others;
  }
}

TEST(ImagesOf, AreThoseOfAllContainersEachOnceWithWhatPullingNeeds) {
  v1::PodTemplateSpec pod_template;
  v1::PodSpec& spec = *pod_template.mutable_spec();
  for (const char* image : {"init:1", "main:1"}) {
    spec.add_init_containers()->set_image(image);
  }
  for (const char* image : {"main:1", "side:1"}) spec.add_containers()->set_image(image);
  spec.mutable_containers(1)->set_image_pull_policy("Always");
  spec.add_image_pull_secrets()->set_name("registry");
  spec.set_runtime_class_name("kata");
  const v1::PodPrePull wanted = ImagesOf(pod_template, "abc");
  std::vector<std::string> images;
  for (const v1::PrePullImage& each : wanted.images()) {
    images.push_back(each.image() + " " + each.image_pull_policy());
  }
  EXPECT_THAT(images, ElementsAre("init:1 ", "main:1 ", "side:1 Always"));
  EXPECT_EQ(wanted.revision(), "abc");
  EXPECT_EQ(wanted.image_pull_secrets(0).name(), "registry");
  EXPECT_EQ(wanted.runtime_class_name(), "kata");
}

TEST(ApplyPull, WritesAttemptsThatComeEverMoreRarely) {
  v1::Pod pod;
  v1::PodPrePull wanted;
  wanted.set_revision("abc");
  ApplyPull({"node", "pod", PlannedPull::Step::kAsk, wanted}, kWall, pod);
  EXPECT_EQ(pod.pre_pull().attempt(), 1);
  WallTime now = kWall;
  for (const std::chrono::seconds wait : {10s, 20s, 40s, 80s, 160s, 300s, 300s}) {
    ApplyPull({"node", "pod", PlannedPull::Step::kNotice, {}}, now, pod);
    EXPECT_EQ(ToWallTime(pod.pre_pull().retry_at()), now + wait);
    now += wait;
    ApplyPull({"node", "pod", PlannedPull::Step::kAskAgain, {}}, now, pod);
    EXPECT_FALSE(pod.pre_pull().has_retry_at());
    EXPECT_EQ(ToWallTime(pod.pre_pull().asked_at()), now);
  }
  EXPECT_EQ(pod.pre_pull().attempt(), 8);
  EXPECT_EQ(ToWallTime(pod.pre_pull().since()), kWall);
  EXPECT_EQ(pod.pre_pull().revision(), "abc");
}

TEST(PrePullFactsOf, AnAnswerToAnotherAttemptIsNone) {
  v1::Pod pod;
  EXPECT_EQ(PrePullFactsOf(pod).facts, nullptr);
  pod.mutable_pre_pull()->set_revision("abc");
  pod.mutable_pre_pull()->set_attempt(2);
  EXPECT_EQ(PrePullFactsOf(pod).facts->answer, Answer::kNone);
  v1::PodPrePullStatus& answer = *pod.mutable_status()->mutable_pre_pull();
  answer.set_revision("abc");
  answer.set_attempt(1);
  answer.set_phase("Pulled");
  EXPECT_EQ(PrePullFactsOf(pod).facts->answer, Answer::kNone);
  answer.set_attempt(2);
  EXPECT_EQ(PrePullFactsOf(pod).facts->answer, Answer::kPulled);
  const RarePrePullFacts before = PrePullFactsOf(pod);
  EXPECT_EQ(before, PrePullFactsOf(pod));
  answer.set_phase("Failed");
  answer.set_message("why");
  EXPECT_EQ(PrePullFactsOf(pod).facts->answer, Answer::kFailed);
  EXPECT_EQ(PrePullFactsOf(pod).facts->error, "why");
  EXPECT_FALSE(before == PrePullFactsOf(pod));
}

// Rollouts of a fleet whose every node runs image:1.
class PrePullRolloutTest : public testing::Test {
 protected:
  PrePullRolloutTest() {
    EXPECT_TRUE(fleet_.Settle());
    fleet_.Annotate("pre-pull", "true");
    fleet_.on_plan = [this](const DaemonSetPlan& plan) { Watch(plan); };
  }

  // Notes who is asked, and that nobody is stopped without the image.
  void Watch(const DaemonSetPlan& plan) {
    for (const PlannedPull& each : plan.pull) {
      if (each.step != PlannedPull::Step::kNotice) asked_.push_back(each.node);
    }
    for (const PlannedRemoval& each : plan.remove) {
      if (each.removal.reason == RemovalReason::kOutdated) {
        EXPECT_EQ(Stage(each.node), PullStage::kHere) << each.node;
        stopped_.push_back(each.node);
      }
    }
    size_t ahead = 0;
    for (const v1::Pod& pod : fleet_.scene.pods) {
      const auto facts = PodFactsOf(pod).pre_pull.facts;
      if (facts && facts->answer == Answer::kNone) ++ahead;
    }
    most_at_once_ = std::max(most_at_once_, ahead);
  }
  PullStage Stage(const std::string& node) {
    for (const v1::Pod& pod : fleet_.scene.pods) {
      if (pod.spec().node_name() != node || pod.metadata().has_deletion_timestamp()) continue;
      const std::string revision = fleet_.rollout().revision();
      return JudgePull(PodFactsOf(pod).pre_pull.facts.get(), revision, kPatience,
                       fleet_.scene.now.wall)
          .stage;
    }
    return PullStage::kNone;
  }

  Fleet fleet_{6};
  std::vector<std::string> asked_, stopped_;
  size_t most_at_once_ = 0;
};

TEST_F(PrePullRolloutTest, NoPodIsStoppedBeforeItsNodeHasTheImage) {
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(6));
  EXPECT_THAT(asked_, SizeIs(6));
  EXPECT_THAT(stopped_, SizeIs(6));
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
}

TEST_F(PrePullRolloutTest, NotMoreNodesThanTheLimitPullOrWaitWithTheImage) {
  fleet_.scene.limits.pulls_max = 2;
  fleet_.pull = [](const std::string&, int) { return Fleet::kPending; };
  fleet_.Release(kNext);
  fleet_.Steps(10);
  EXPECT_THAT(asked_, ElementsAre("node-01", "node-02"));
  fleet_.pull = [](const std::string&, int) { return ""; };
  fleet_.fate = [](const std::string&, const std::string& image) {
    return image == kNext ? Fate::kNeverReady : Fate::kHealthy;
  };
  fleet_.Steps(20);
  // Node 1 is in work and never done; two wait behind it, and nobody else is asked.
  EXPECT_THAT(asked_, ElementsAre("node-01", "node-02", "node-03"));
  fleet_.fate = [](const std::string&, const std::string&) { return Fate::kHealthy; };
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(6));
  EXPECT_LE(most_at_once_, 2u);
}

TEST_F(PrePullRolloutTest, ANodeThatCannotPullKeepsItsPodAndHoldsNobodyUp) {
  fleet_.pull = [](const std::string& node, int attempt) {
    return node == "node-02" && attempt < 3 ? "image:2: no space left on device" : "";
  };
  fleet_.scene.limits.pulls_max = 2;
  fleet_.Release(kNext);
  fleet_.Steps(25);
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
  EXPECT_THAT(fleet_.NodesWith("image:1"), ElementsAre("node-02"));
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseProgressing);
  EXPECT_EQ(fleet_.status().number_available(), 6);
  EXPECT_THAT(fleet_.events,
              Contains(Field(&PlannedEvent::message,
                             HasSubstr("node-02 keeps its old pod for now, its new image cannot be "
                                       "pulled: image:2: no space left on device"))));
  fleet_.Steps(40);  // 10 s and 20 s between the attempts.
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(6));
  EXPECT_EQ(std::count(asked_.begin(), asked_.end(), "node-02"), 3);
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
}

TEST_F(PrePullRolloutTest, AnImageThatNobodyHasGotIsNotLookedForByTheWholeFleet) {
  fleet_.scene.limits.pulls_max = 3;
  fleet_.pull = [](const std::string&, int) { return "image:2: not found"; };
  fleet_.Release(kNext);
  fleet_.Steps(60);
  EXPECT_EQ(std::set<std::string>(asked_.begin(), asked_.end()).size(), 3u);
  EXPECT_THAT(stopped_, IsEmpty());
  EXPECT_EQ(fleet_.status().number_available(), 6);
}

TEST_F(PrePullRolloutTest, OneThatTakesForEverGivesItsPlaceUp) {
  fleet_.scene.limits.pulls_max = 1;
  fleet_.pull = [](const std::string& node, int) {
    return node == "node-01" ? Fleet::kPending : "";
  };
  fleet_.Release(kNext);
  fleet_.Steps(5);
  EXPECT_THAT(asked_, ElementsAre("node-01"));
  fleet_.Wait(10min);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
  fleet_.pull = [](const std::string&, int) { return ""; };
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(6));
}

TEST_F(PrePullRolloutTest, FailuresToPullCountOnceTheyHaveLastedTooLong) {
  fleet_.Annotate("max-failed", "1");
  fleet_.Annotate("progress-deadline", "1m");
  fleet_.pull = [](const std::string&, int) { return "image:2: not found"; };
  fleet_.Release(kNext);
  fleet_.Steps(50);
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseProgressing);
  EXPECT_EQ(fleet_.rollout().failed(), 0);
  fleet_.Steps(20);
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseHalted);
  EXPECT_THAT(fleet_.rollout().halt_message(),
              HasSubstr("node-01 (ImageNotPulled: image:2: not found)"));
  EXPECT_THAT(fleet_.NodesWith("image:1"), SizeIs(6));
}

TEST_F(PrePullRolloutTest, OnlyTheCanaryPullsBeforeItIsPromoted) {
  fleet_.Annotate("canary", "{count: 2}");
  fleet_.Rolling().mutable_max_unavailable()->set_int_value(3);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseAwaitingPromotion);
  EXPECT_THAT(asked_, ElementsAre("node-01", "node-02"));
  fleet_.Request("promote");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(6));
}

TEST_F(PrePullRolloutTest, APodThatIsNotAvailableHasNothingToWaitFor) {
  fleet_.on_plan = nullptr;
  fleet_.pull = [](const std::string&, int) { return Fleet::kPending; };
  fleet_.fate = [](const std::string& node, const std::string& image) {
    return node == "node-03" && image == "image:1" ? Fate::kNeverReady : Fate::kHealthy;
  };
  for (v1::Pod& pod : fleet_.scene.pods) {
    if (pod.spec().node_name() == "node-03") SetReady(pod, false, fleet_.scene.now.wall);
  }
  fleet_.Release(kNext);
  fleet_.Steps(5);
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-03"));
}

TEST_F(PrePullRolloutTest, ANewerReleaseIsAskedForAnew) {
  fleet_.pull = [](const std::string&, int) { return Fleet::kPending; };
  fleet_.Release(kNext);
  fleet_.Steps(3);
  fleet_.Release("image:3");
  fleet_.pull = [](const std::string&, int) { return ""; };
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith("image:3"), SizeIs(6));
}

TEST_F(PrePullRolloutTest, ANodeThatGoesSilentWhileItPullsHoldsNobodyUp) {
  fleet_.scene.limits.pulls_max = 1;
  fleet_.pull = [](const std::string& node, int) {
    return node == "node-01" ? Fleet::kPending : "";
  };
  fleet_.Release(kNext);
  fleet_.Steps(3);
  fleet_.Lose("node-01");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
}

TEST_F(PrePullRolloutTest, WithSurgeTheNewPodStartsFirstAndNobodyPullsAhead) {
  fleet_.on_plan = [](const DaemonSetPlan& plan) { EXPECT_THAT(plan.pull, IsEmpty()); };
  fleet_.Rolling().mutable_max_unavailable()->set_int_value(0);
  fleet_.Rolling().mutable_max_surge()->set_int_value(1);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(6));
}

}  // namespace
}  // namespace muster::coordinator
