#include "coordinator/daemonset/rollout.h"

#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fleet.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::SizeIs;

constexpr char kGood[] = "image:1";
constexpr char kNext[] = "image:2";

// Every node runs kGood, and the rollout to it is complete.
class RolloutTest : public testing::Test {
 protected:
  RolloutTest() { EXPECT_TRUE(fleet_.Settle()); }

  void LetNextBe(Fate fate) {
    fleet_.fate = [fate](const std::string&, const std::string& image) {
      return image == kNext ? fate : Fate::kHealthy;
    };
  }
  void AllowUnavailable(int count) {
    fleet_.Rolling().mutable_max_unavailable()->set_int_value(count);
  }
  // Until the rollout is in this phase; fails when it never is.
  void RunTo(const char* phase) {
    for (int i = 0; i < 300 && fleet_.rollout().phase() != phase; ++i) fleet_.Step();
    ASSERT_EQ(fleet_.rollout().phase(), phase);
  }

  Fleet fleet_{5};
};

TEST_F(RolloutTest, TheFirstRevisionIsCompleteWhenEveryNodeHasIt) {
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_EQ(fleet_.rollout().done(), 5);
  EXPECT_EQ(fleet_.Condition("Available").status(), "True");
  EXPECT_EQ(fleet_.Condition("Progressing").status(), "True");
  EXPECT_EQ(fleet_.Condition("Progressing").reason(), "Complete");
  EXPECT_EQ(fleet_.Condition("Degraded").status(), "False");
  EXPECT_THAT(fleet_.Told(), IsEmpty());
}

TEST_F(RolloutTest, ANewRevisionComesFromTheOneThatWasEverywhere) {
  const std::string good = fleet_.rollout().revision();
  fleet_.Release(kNext);
  fleet_.Step();
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseProgressing);
  EXPECT_EQ(fleet_.rollout().base_revision(), good);
  EXPECT_EQ(fleet_.Condition("Progressing").reason(), "RollingOut");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
  EXPECT_THAT(fleet_.Told(), ElementsAre("RolloutComplete"));
}

TEST_F(RolloutTest, ANodeThatIsBackIsNotReplacedBeforeItsAgentHasSpoken) {
  fleet_.Lose("node-02");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  fleet_.Return("node-02");
  fleet_.Look();
  EXPECT_THAT(fleet_.NodesWith(kGood), ElementsAre("node-02"));
  fleet_.Live();  // Its pod is reported as ready again.
  fleet_.Look();
  EXPECT_THAT(fleet_.NodesWith(kGood), IsEmpty());
}

TEST_F(RolloutTest, NodesAreTakenOnInTheOrderOfTheirNamesButUnhealthyOnesFirst) {
  fleet_.fate = [](const std::string& node, const std::string& image) {
    return image == kGood && node == "node-04" ? Fate::kNeverReady : Fate::kHealthy;
  };
  for (v1::Pod& pod : fleet_.scene.pods) {
    if (TargetNode(pod.spec()) == "node-04") SetReady(pod, false);
  }
  std::vector<std::string> order;
  fleet_.on_plan = [&](const DaemonSetPlan& plan) {
    for (const PlannedRemoval& each : plan.remove) order.push_back(each.node);
  };
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(order, ElementsAre("node-04", "node-01", "node-02", "node-03", "node-05"));
}

TEST_F(RolloutTest, PastItsDeadlineARolloutHaltsAndSaysWhy) {
  fleet_.Annotate("progress-deadline", "30s");
  LetNextBe(Fate::kNeverReady);
  fleet_.Release(kNext);
  const WallTime began = fleet_.scene.now.wall;
  RunTo(kPhaseHalted);
  EXPECT_GE(fleet_.scene.now.wall - began, 30s);
  EXPECT_LE(fleet_.scene.now.wall - began, 40s);
  const v1::DaemonSetCondition& progressing = fleet_.Condition("Progressing");
  EXPECT_EQ(progressing.status(), "False");
  EXPECT_EQ(progressing.reason(), "ProgressDeadlineExceeded");
  EXPECT_THAT(progressing.message(), HasSubstr("no node was finished within 30s"));
  EXPECT_THAT(fleet_.Told(), ElementsAre("RolloutHalted"));
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-01"));
  // And nothing more happens, also when the pod recovers.
  LetNextBe(Fate::kHealthy);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-01"));
}

TEST_F(RolloutTest, EveryFinishedNodeGivesTheNextOneTheFullTime) {
  fleet_.Annotate("progress-deadline", "10s");
  LetNextBe(Fate::kSlow);  // About six seconds each.
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
}

TEST_F(RolloutTest, TheDeadlineIsAlsoWhatWakesTheController) {
  fleet_.Annotate("progress-deadline", "30s");
  LetNextBe(Fate::kNeverReady);
  fleet_.Release(kNext);
  fleet_.Steps(5);
  const DaemonSetPlan plan = fleet_.scene.Plan();
  ASSERT_TRUE(plan.wake_at.has_value());
  EXPECT_LE(*plan.wake_at - fleet_.scene.now.mono, 31s);
}

struct FailureCase {
  Fate fate;
  const char* reason;
};

TEST_F(RolloutTest, EveryKindOfFailureCountsAndEndsTheRollout) {
  for (const FailureCase& each :
       {FailureCase{Fate::kCrashes, "Crashed"}, FailureCase{Fate::kOutOfMemory, "OutOfMemory"},
        FailureCase{Fate::kNeverReady, "NotReadyInTime"}, FailureCase{Fate::kKillsNode, "NodeLost"},
        FailureCase{Fate::kFails, "PodFailed"}}) {
    Fleet fleet(5);
    ASSERT_TRUE(fleet.Settle());
    fleet.Annotate("max-failed", "1");
    fleet.fate = [&](const std::string&, const std::string& image) {
      return image == kNext ? each.fate : Fate::kHealthy;
    };
    fleet.Release(kNext);
    for (int i = 0; i < 700 && fleet.rollout().phase() != kPhaseHalted; ++i) fleet.Step();
    EXPECT_EQ(fleet.rollout().halt_reason(), kHaltTooManyFailures) << each.reason;
    ASSERT_THAT(fleet.rollout().failures(), SizeIs(1)) << each.reason;
    EXPECT_EQ(fleet.rollout().failures(0).reason(), each.reason);
    EXPECT_EQ(fleet.rollout().failures(0).node(), "node-01");
    EXPECT_THAT(fleet.NodesWith(kGood), SizeIs(testing::Ge(4u))) << each.reason;
    EXPECT_THAT(fleet.events,
                Contains(testing::Field(&PlannedEvent::message, AllOf(HasSubstr("TooManyFailures"),
                                                                      HasSubstr(each.reason)))));
  }
}

TEST_F(RolloutTest, AHostThatIsShutDownInTheMiddleIsNoFailure) {
  fleet_.Annotate("max-failed", "0");
  int left = 3;
  fleet_.fate = [&left](const std::string& node, const std::string& image) {
    const bool goes_down = image == kNext && node == "node-01" && left > 0;
    if (goes_down) --left;
    return goes_down ? Fate::kShutDown : Fate::kHealthy;
  };
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(left, 0);
  EXPECT_THAT(fleet_.rollout().failures(), IsEmpty());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
}

TEST_F(RolloutTest, WithoutAPolicyFailuresAreToldAndNothingElse) {
  LetNextBe(Fate::kOutOfMemory);  // Available in the end, so the rollout goes on.
  fleet_.Release(kNext);
  fleet_.Steps(3);
  EXPECT_EQ(fleet_.Condition("Degraded").reason(), "NodesFailing");
  RunTo(kPhaseComplete);
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
  EXPECT_THAT(fleet_.Told(), ElementsAre("RolloutComplete"));
}

TEST_F(RolloutTest, AsOftenAsPodsOfTheBaseEndedIsNoFailure) {
  for (v1::Pod& pod : fleet_.scene.pods) {
    pod.mutable_status()->mutable_container_statuses(0)->set_restart_count(1);
  }
  fleet_.Annotate("max-failed", "1");
  fleet_.Release(kNext);
  fleet_.Step();
  EXPECT_EQ(fleet_.rollout().restarts_before(), 1);
  fleet_.Step();
  fleet_.Step();
  for (const int restarts : {1, 2}) {
    for (v1::Pod& pod : fleet_.scene.pods) {
      if (pod.spec().containers(0).image() != kNext) continue;
      if (pod.status().container_statuses().empty()) continue;
      pod.mutable_status()->mutable_container_statuses(0)->set_restart_count(restarts);
    }
    fleet_.Look();
    EXPECT_EQ(fleet_.rollout().failed(), restarts == 1 ? 0 : 1) << restarts;
  }
}

TEST_F(RolloutTest, TheLimitLeavesTheRestOfTheFleetAlone) {
  AllowUnavailable(2);
  fleet_.Annotate("max-failed", "2");
  LetNextBe(Fate::kCrashes);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseHalted);
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-01", "node-02"));
  EXPECT_THAT(fleet_.NodesWith(kGood), ElementsAre("node-03", "node-04", "node-05"));
  EXPECT_EQ(fleet_.Image(), kNext);
  EXPECT_THAT(fleet_.Condition("Progressing").message(),
              HasSubstr("2 nodes failed with it, 2 are enough to stop: node-01 (Crashed: container "
                        "main ended: exit code 1"));
}

TEST_F(RolloutTest, WhatIsMissingElsewhereIsMadeFromTheBase) {
  fleet_.Annotate("max-failed", "1");
  LetNextBe(Fate::kCrashes);
  fleet_.Release(kNext);
  RunTo(kPhaseHalted);
  fleet_.AddNode("node-06");
  fleet_.scene.pods.erase(
      std::remove_if(fleet_.scene.pods.begin(), fleet_.scene.pods.end(),
                     [](const v1::Pod& pod) { return TargetNode(pod.spec()) == "node-03"; }),
      fleet_.scene.pods.end());
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-01"));
  EXPECT_THAT(fleet_.NodesWith(kGood),
              ElementsAre("node-02", "node-03", "node-04", "node-05", "node-06"));
}

TEST_F(RolloutTest, OldPodsThatAreNotAvailableAreNotAllPutAtRiskAtOnce) {
  for (v1::Pod& pod : fleet_.scene.pods) SetReady(pod, false);
  fleet_.fate = [](const std::string&, const std::string& image) {
    return image == kNext ? Fate::kCrashes : Fate::kNeverReady;
  };
  fleet_.Annotate("max-failed", "1");
  fleet_.Release(kNext);
  fleet_.Steps(20);
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-01"));
}

TEST_F(RolloutTest, GoingBackPutsTheTemplateBackAndChangesTheNodesThatWereChanged) {
  AllowUnavailable(2);
  const std::string good = fleet_.rollout().revision();
  std::map<std::string, std::string> before;
  for (const v1::Pod& pod : fleet_.scene.pods) {
    before[TargetNode(pod.spec())] = pod.metadata().name();
  }
  fleet_.Annotate("on-failure", "rollback");
  fleet_.Annotate("max-failed", "2");
  LetNextBe(Fate::kCrashes);
  fleet_.Release(kNext);
  const int64_t generation = fleet_.scene.daemon_set.metadata().generation();
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.Image(), kGood);
  EXPECT_EQ(fleet_.scene.daemon_set.metadata().generation(), generation + 1);
  EXPECT_EQ(fleet_.rollout().revision(), good);
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.NodesWith(kGood), SizeIs(5));
  for (const v1::Pod& pod : fleet_.scene.pods) {
    const std::string node = TargetNode(pod.spec());
    if (node == "node-01" || node == "node-02") continue;
    EXPECT_EQ(pod.metadata().name(), before[node]) << "was restarted for nothing";
  }
  EXPECT_THAT(fleet_.Told(), ElementsAre("RolledBack", "RolloutComplete"));
  EXPECT_EQ(fleet_.Condition("Progressing").status(), "False");
  EXPECT_EQ(fleet_.Condition("Progressing").reason(), "RolledBack");
  EXPECT_THAT(fleet_.Condition("Progressing").message(), HasSubstr("TooManyFailures"));
}

TEST_F(RolloutTest, ARejectedRevisionIsNotRolledOutAgainUnlessSomebodyAsks) {
  fleet_.Annotate("on-failure", "rollback");
  LetNextBe(Fate::kCrashes);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  ASSERT_EQ(fleet_.Image(), kGood);
  // A pipeline applies the same file again: the spec says so, and no node is touched.
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.Image(), kNext);
  EXPECT_EQ(fleet_.rollout().halt_reason(), kHaltRejected);
  EXPECT_THAT(fleet_.NodesWith(kGood), SizeIs(5));
  // What the next file brings is another matter.
  LetNextBe(Fate::kHealthy);
  fleet_.Request("resume");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.rollout().rejected(), IsEmpty());
}

TEST_F(RolloutTest, AHaltedRolloutGoesOnWhenSomebodyAcceptsItsFailures) {
  fleet_.Annotate("max-failed", "1");
  fleet_.fate = [](const std::string& node, const std::string& image) {
    return image == kNext && node == "node-01" ? Fate::kOutOfMemory : Fate::kHealthy;
  };
  fleet_.Release(kNext);
  RunTo(kPhaseHalted);
  ASSERT_TRUE(fleet_.Settle());
  fleet_.Request("resume");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
  EXPECT_THAT(fleet_.Told(), ElementsAre("RolloutHalted", "RolloutResumed", "RolloutComplete"));
}

TEST_F(RolloutTest, ANewRevisionBeginsAnewAfterAHaltAndComesFromTheSameBase) {
  const std::string good = fleet_.rollout().revision();
  fleet_.Annotate("max-failed", "1");
  LetNextBe(Fate::kCrashes);
  fleet_.Release(kNext);
  RunTo(kPhaseHalted);
  fleet_.Release("image:3");
  fleet_.Step();
  EXPECT_EQ(fleet_.rollout().base_revision(), good);
  EXPECT_THAT(fleet_.rollout().failures(), IsEmpty());
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith("image:3"), SizeIs(5));
}

TEST_F(RolloutTest, TheRevisionToGoBackToOutlivesTheHistory) {
  fleet_.scene.daemon_set.mutable_spec()->set_revision_history_limit(0);
  AllowUnavailable(5);
  fleet_.Annotate("on-failure", "rollback");
  fleet_.Annotate("max-failed", "5");
  LetNextBe(Fate::kCrashes);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.Image(), kGood);
  EXPECT_THAT(fleet_.NodesWith(kGood), SizeIs(5));
}

TEST_F(RolloutTest, WithNothingToGoBackToARolloutHalts) {
  Fleet fleet(3);
  fleet.fate = [](const std::string&, const std::string&) { return Fate::kCrashes; };
  fleet.Annotate("on-failure", "rollback");
  ASSERT_TRUE(fleet.Settle());
  EXPECT_EQ(fleet.rollout().phase(), kPhaseHalted);
  EXPECT_THAT(fleet.rollout().halt_message(), HasSubstr("there is no revision to go back to"));
}

TEST_F(RolloutTest, SilenceOfAllNodesIsNobodysFailure) {
  AllowUnavailable(5);
  fleet_.Annotate("on-failure", "rollback");
  LetNextBe(Fate::kSlow);
  fleet_.Release(kNext);
  fleet_.Steps(3);
  for (int i = 1; i <= 5; ++i) fleet_.Lose(Fleet::NodeName(i));
  fleet_.Steps(20);
  EXPECT_EQ(fleet_.Image(), kNext);
  for (int i = 1; i <= 5; ++i) fleet_.Return(Fleet::NodeName(i));
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(5));
}

TEST_F(RolloutTest, ACanaryBySelectorGoesFirstAndTheRestWhenItIsPromoted) {
  (*fleet_.Node("node-03").mutable_metadata()->mutable_labels())["tier"] = "canary";
  (*fleet_.Node("node-05").mutable_metadata()->mutable_labels())["tier"] = "canary";
  fleet_.Annotate("canary", "{selector: tier=canary}");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseAwaitingPromotion);
  EXPECT_EQ(fleet_.Condition("Progressing").status(), "Unknown");
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-03", "node-05"));
  // Who joins is no canary, unless it is labelled so.
  fleet_.AddNode("node-06");
  fleet_.AddNode("node-07");
  (*fleet_.Node("node-07").mutable_metadata()->mutable_labels())["tier"] = "canary";
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-03", "node-05", "node-07"));
  EXPECT_THAT(fleet_.NodesWith(kGood), Contains("node-06"));
  fleet_.Request("promote");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(7));
  EXPECT_FALSE(
      fleet_.scene.daemon_set.metadata().annotations().contains(kRolloutRequestAnnotation));
  EXPECT_THAT(fleet_.Told(), IsSupersetOf({"CanaryReady", "RolloutPromoted", "RolloutComplete"}));
}

TEST_F(RolloutTest, ACanaryByCountTakesTheFirstNodesByName) {
  AllowUnavailable(3);
  fleet_.Annotate("canary", "{count: 40%}");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseAwaitingPromotion);
  EXPECT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-01", "node-02"));
  // A canary that is lost while it waits is not made up for by putting more at risk.
  fleet_.AddNode("node-06");
  ASSERT_TRUE(fleet_.Settle());
  fleet_.Request("promote");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(6));
}

TEST_F(RolloutTest, ACanaryThatDiesIsForItsJudgeToWeigh) {
  for (const char* canary : {"{count: 2}", "{selector: 'name in (node-01,node-02)'}"}) {
    Fleet fleet(5);
    for (v1::Node& node : fleet.scene.nodes) {
      (*node.mutable_metadata()->mutable_labels())["name"] = node.metadata().name();
    }
    ASSERT_TRUE(fleet.Settle());
    fleet.Annotate("canary", canary);
    fleet.fate = [](const std::string& node, const std::string& image) {
      return image == kNext && node == "node-01" ? Fate::kKillsNode : Fate::kHealthy;
    };
    fleet.Release(kNext);
    ASSERT_TRUE(fleet.Settle());
    EXPECT_EQ(fleet.rollout().phase(), kPhaseAwaitingPromotion) << canary;
    EXPECT_THAT(fleet.NodesWith(kNext), ElementsAre("node-01", "node-02")) << canary;
  }
}

TEST_F(RolloutTest, AnAbortedCanaryGoesBackAndStaysAway) {
  fleet_.Annotate("canary", "{count: 1}");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  ASSERT_THAT(fleet_.NodesWith(kNext), ElementsAre("node-01"));
  fleet_.Request("abort");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.Image(), kGood);
  EXPECT_THAT(fleet_.NodesWith(kGood), SizeIs(5));
  EXPECT_EQ(fleet_.Condition("Progressing").reason(), "RolledBack");
  EXPECT_THAT(fleet_.Condition("Progressing").message(), HasSubstr("Aborted: somebody aborted it"));
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().halt_reason(), kHaltRejected);
  EXPECT_THAT(fleet_.NodesWith(kNext), IsEmpty());
}

TEST_F(RolloutTest, ACanaryIsJudgedWhileItWaits) {
  fleet_.Annotate("canary", "{count: 1}");
  fleet_.Annotate("on-failure", "rollback");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  ASSERT_EQ(fleet_.rollout().phase(), kPhaseAwaitingPromotion);
  LetNextBe(Fate::kCrashes);
  for (v1::Pod& pod : fleet_.scene.pods) {
    if (pod.spec().containers(0).image() == kNext) SetReady(pod, false, fleet_.scene.now.wall);
  }
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.Image(), kGood);
}

TEST_F(RolloutTest, ThePolicyOfTheFirstRevisionNeedsNoCanary) {
  Fleet fleet(3);
  fleet.Annotate("canary", "{count: 1}");
  ASSERT_TRUE(fleet.Settle());
  EXPECT_EQ(fleet.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet.NodesWith(kGood), SizeIs(3));
}

TEST_F(RolloutTest, ARequestAboutAnotherRevisionIsTakenOffAndSaidSo) {
  fleet_.Annotate("canary", "{count: 1}");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  fleet_.Annotate("rollout-request", "promote bcd4");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseAwaitingPromotion);
  EXPECT_EQ(fleet_.events.back().reason, "RolloutRequestIgnored");
  EXPECT_FALSE(
      fleet_.scene.daemon_set.metadata().annotations().contains(kRolloutRequestAnnotation));
}

TEST_F(RolloutTest, APausedRolloutWaitsAndItsDeadlineWithIt) {
  fleet_.Annotate("progress-deadline", "20s");
  fleet_.Release(kNext);
  fleet_.Steps(4);
  fleet_.Annotate("paused", "true");
  ASSERT_TRUE(fleet_.Settle());
  const size_t updated = fleet_.NodesWith(kNext).size();
  EXPECT_GT(updated, 0u);
  EXPECT_LT(updated, 5u);
  EXPECT_EQ(fleet_.rollout().phase(), kPhasePaused);
  EXPECT_EQ(fleet_.Condition("Progressing").status(), "Unknown");
  fleet_.Wait(10min);
  fleet_.Steps(3);
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(updated));
  fleet_.Unannotate("paused");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.Told(), ElementsAre("RolloutPaused", "RolloutResumed", "RolloutComplete"));
}

TEST_F(RolloutTest, ASuspendedDaemonSetRunsNowhereAndComesBackAsItWas) {
  fleet_.Annotate("suspend", "true");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.scene.pods, IsEmpty());
  EXPECT_EQ(fleet_.status().desired_number_scheduled(), 0);
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseSuspended);
  EXPECT_EQ(fleet_.Condition("Available").reason(), "Suspended");
  fleet_.AddNode("node-06");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.scene.pods, IsEmpty());
  fleet_.Unannotate("suspend");
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kGood), SizeIs(6));
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseComplete);
  EXPECT_THAT(fleet_.Told(), ElementsAre("Suspended", "Resumed"));
}

// No node has the revision any more, which is not the same as every node.
TEST_F(RolloutTest, SuspendingABadReleaseDoesNotMakeItTheOneToComeFrom) {
  const std::string good = fleet_.rollout().revision();
  LetNextBe(Fate::kNeverReady);
  fleet_.Release(kNext);
  fleet_.Steps(5);
  fleet_.Annotate("suspend", "true");
  ASSERT_TRUE(fleet_.Settle());
  fleet_.Release("image:3");
  fleet_.Step();
  EXPECT_EQ(fleet_.rollout().base_revision(), good);
}

TEST_F(RolloutTest, TheLastNodeCountsToo) {
  fleet_.fate = [](const std::string& node, const std::string& image) {
    return image == kNext && node == "node-05" ? Fate::kKillsNode : Fate::kHealthy;
  };
  fleet_.Annotate("on-failure", "rollback");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.Image(), kGood);
  EXPECT_THAT(fleet_.NodesWith(kGood), ElementsAre("node-01", "node-02", "node-03", "node-04"));
}

TEST_F(RolloutTest, UnderOnDeletePodsAreReplacedWhenSomebodyDeletesThem) {
  fleet_.scene.daemon_set.mutable_spec()->mutable_update_strategy()->set_type("OnDelete");
  fleet_.Annotate("max-failed", "1");
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.rollout().phase(), kPhaseOnDelete);
  EXPECT_THAT(fleet_.NodesWith(kNext), IsEmpty());
  fleet_.scene.pods.erase(fleet_.scene.pods.begin());
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_THAT(fleet_.NodesWith(kNext), SizeIs(1));
}

TEST_F(RolloutTest, WithSurgeAFailingPodLeavesTheOldOneServing) {
  fleet_.Rolling().mutable_max_unavailable()->set_int_value(0);
  fleet_.Rolling().mutable_max_surge()->set_int_value(2);
  fleet_.Annotate("on-failure", "rollback");
  fleet_.Annotate("max-failed", "2");
  LetNextBe(Fate::kCrashes);
  size_t serving_least = 5;
  fleet_.on_plan = [&](const DaemonSetPlan&) {
    serving_least = std::min(serving_least, fleet_.NodesWith(kGood).size());
  };
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(serving_least, 5u);
  EXPECT_EQ(fleet_.Image(), kGood);
  EXPECT_THAT(fleet_.NodesWith(kNext), IsEmpty());
}

// Spec: 7/conditions
TEST_F(RolloutTest, ConditionsMoveTheirTimeOnlyWithTheirStatus) {
  const v1::Time since = fleet_.Condition("Progressing").last_transition_time();
  fleet_.Wait(1h);
  fleet_.Release(kNext);
  ASSERT_TRUE(fleet_.Settle());
  EXPECT_EQ(fleet_.Condition("Progressing").last_transition_time().seconds(), since.seconds());
  EXPECT_EQ(fleet_.status().conditions_size(), 3);
}

}  // namespace
}  // namespace muster::coordinator
