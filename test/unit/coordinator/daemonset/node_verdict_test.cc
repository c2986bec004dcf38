#include "coordinator/daemonset/node_verdict.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

// A pod in a few letters: its name, then what it is.
struct PodState {
  const char* name;
  bool old = false;
  bool ready = true;
  bool terminating = false;
  PodPhase phase = PodPhase::kRunning;
  bool bound = true;
  std::chrono::seconds age{60};
  bool silenced = false;
};

enum class Fitness { kRuns, kNotReady, kMayStay, kMustLeave, kGone };

class NodeVerdictTest : public testing::Test {
 protected:
  NodeVerdict Judge(Fitness fitness, std::vector<PodState> states) {
    v1::Node node = NodeNamed("n");
    v1::NodeCondition& ready = *node.mutable_status()->add_conditions();
    ready.set_type("Ready");
    ready.set_status(fitness == Fitness::kNotReady ? "False" : "True");
    if (fitness == Fitness::kMayStay) AddTaint(node, "k", "NoSchedule");
    if (fitness == Fitness::kMustLeave) AddTaint(node, "k", "NoExecute");
    std::vector<PodFacts> facts;
    for (const PodState& state : states) {
      facts.push_back({.name = state.name,
                       .node = "n",
                       .hash = state.old ? "old" : "new",
                       .created = kWall - state.age,
                       .ready_changed = kWall - state.age,
                       .phase = state.phase,
                       .bound = state.bound,
                       .terminating = state.terminating,
                       .ready = state.ready && state.phase == PodPhase::kRunning,
                       .silenced = state.silenced});
    }
    std::vector<const PodFacts*> pointers;
    for (const PodFacts& each : facts) pointers.push_back(&each);
    return JudgeNode(DaemonSetRules(daemon_set_, {.current_hash = "new"}),
                     fitness == Fitness::kGone ? nullptr : &node, "n", pointers, backoff_, kNow);
  }

  void AllowSurge() {
    v1::RollingUpdateDaemonSet& rolling =
        *daemon_set_.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
    rolling.mutable_max_unavailable()->set_int_value(0);
    rolling.mutable_max_surge()->set_int_value(1);
  }

  v1::DaemonSet daemon_set_ = DaemonSetNamed("web");
  FailureBackoff backoff_;
};

std::vector<PodRemoval> Gone(const char* pod, RemovalReason reason) { return {{pod, reason}}; }

// Spec: 1.1/empty-node-creates
TEST_F(NodeVerdictTest, AnEligibleNodeWithoutPodGetsOne) {
  const NodeVerdict verdict = Judge(Fitness::kRuns, {});
  EXPECT_TRUE(verdict.create);
  EXPECT_EQ(verdict.tally, (Tally{.desired = 1}));
  EXPECT_EQ(verdict.role, RolloutRole::kUnavailable);
}

// Spec: 1.1/may-stay-never-creates
TEST_F(NodeVerdictTest, ANodeThatMayOnlyKeepPodsGetsNone) {
  EXPECT_EQ(Judge(Fitness::kMayStay, {}), NodeVerdict());
}

// Spec: 1.1/must-go-nothing-there
TEST_F(NodeVerdictTest, AnIneligibleNodeWithoutPodMeansNothing) {
  EXPECT_EQ(Judge(Fitness::kMustLeave, {}), NodeVerdict());
  EXPECT_EQ(Judge(Fitness::kGone, {}), NodeVerdict());
}

TEST_F(NodeVerdictTest, OneLivePodIsLeftAlone) {
  const NodeVerdict verdict = Judge(Fitness::kRuns, {{"a"}});
  EXPECT_FALSE(verdict.create);
  EXPECT_THAT(verdict.removals, IsEmpty());
  EXPECT_EQ(verdict.tally,
            (Tally{.desired = 1, .current = 1, .ready = 1, .updated = 1, .available = 1}));
}

// Spec: 1.1/may-stay-never-creates, 7/misscheduled
TEST_F(NodeVerdictTest, ANoScheduleTaintKeepsThePodAndCountsItMisscheduled) {
  const NodeVerdict verdict = Judge(Fitness::kMayStay, {{"a"}});
  EXPECT_THAT(verdict.removals, IsEmpty());
  EXPECT_EQ(verdict.tally, (Tally{.misscheduled = 1}));
}

// Spec: 1.1/must-go-deletes
TEST_F(NodeVerdictTest, EveryPodLeavesANodeThatIsNoLongerEligible) {
  const NodeVerdict verdict = Judge(
      Fitness::kMustLeave, {{"a"}, {.name = "b", .terminating = true}, {.name = "c", .old = true}});
  EXPECT_THAT(verdict.removals, ElementsAre(PodRemoval{"a", RemovalReason::kNotEligible},
                                            PodRemoval{"c", RemovalReason::kNotEligible}));
  EXPECT_EQ(verdict.tally, (Tally{.misscheduled = 1}));
}

TEST_F(NodeVerdictTest, ATerminatingPodStillBlocksCreation) {
  const NodeVerdict verdict = Judge(Fitness::kRuns, {{.name = "a", .terminating = true}});
  EXPECT_FALSE(verdict.create);
  EXPECT_EQ(verdict.tally.current, 1);
  EXPECT_EQ(verdict.role, RolloutRole::kUnavailable);
}

TEST_F(NodeVerdictTest, ATerminalAndTerminatingPodIsAsGoodAsGone) {
  const NodeVerdict verdict =
      Judge(Fitness::kRuns, {{.name = "a", .terminating = true, .phase = PodPhase::kFailed}});
  EXPECT_TRUE(verdict.create);
  EXPECT_EQ(verdict.tally, (Tally{.desired = 1}));
}

// Spec: 7/current
TEST_F(NodeVerdictTest, APendingPodCountsAsCurrentAndIsKept) {
  const NodeVerdict verdict =
      Judge(Fitness::kRuns, {{.name = "a", .phase = PodPhase::kPending, .bound = false}});
  EXPECT_THAT(verdict.removals, IsEmpty());
  EXPECT_EQ(verdict.tally, (Tally{.desired = 1, .current = 1, .updated = 1}));
}

// Spec: 3.2/duplicates
TEST_F(NodeVerdictTest, OfSeveralLivePodsTheBoundThenTheOldestStaysWhateverItsHash) {
  EXPECT_THAT(Judge(Fitness::kRuns, {{.name = "young", .age = 10s},
                                     {.name = "aged", .old = true, .age = 90s},
                                     {.name = "waiting", .bound = false, .age = 99s}})
                  .removals,
              ElementsAre(PodRemoval{"young", RemovalReason::kExcess},
                          PodRemoval{"waiting", RemovalReason::kExcess}));
}

TEST_F(NodeVerdictTest, TheExcessIsPrunedWhereNoPodMayStartToo) {
  EXPECT_EQ(Judge(Fitness::kMayStay, {{"a"}, {"b"}}).removals, Gone("b", RemovalReason::kExcess));
}

// Spec: 3.2/failed
TEST_F(NodeVerdictTest, AFailedPodIsDeletedAndReplacedLater) {
  const NodeVerdict verdict = Judge(Fitness::kRuns, {{.name = "a", .phase = PodPhase::kFailed}});
  EXPECT_EQ(verdict.removals, Gone("a", RemovalReason::kFailed));
  EXPECT_TRUE(verdict.advance_backoff);
  EXPECT_FALSE(verdict.create);
}

// Spec: 3.2/failed-in-backoff
// A host that is shut down says that it is not ready, and has its pods again at its next boot.
TEST_F(NodeVerdictTest, APodThatWentWithItsHostIsReplacedWhenThatCouldRunAnother) {
  const PodState went{.name = "a", .ready = false, .phase = PodPhase::kFailed, .silenced = true};
  EXPECT_THAT(Judge(Fitness::kMayStay, {went}).removals, IsEmpty());
  EXPECT_FALSE(Judge(Fitness::kMayStay, {went}).create);
  EXPECT_THAT(Judge(Fitness::kNotReady, {went}).removals, IsEmpty()) << "before it is tainted";
  EXPECT_EQ(Judge(Fitness::kRuns, {went}).removals, Gone("a", RemovalReason::kFailed));
}

TEST_F(NodeVerdictTest, AFailedPodInBackoffIsLeftAndLookedAtLater) {
  backoff_.Advance("n", kNow.mono - 400ms);
  const NodeVerdict verdict = Judge(Fitness::kRuns, {{.name = "a", .phase = PodPhase::kFailed}});
  EXPECT_THAT(verdict.removals, IsEmpty());
  EXPECT_FALSE(verdict.advance_backoff);
  EXPECT_EQ(verdict.wake_at, kNow.mono + 600ms);
}

TEST_F(NodeVerdictTest, OneDeletionOfAFailedPodArmsTheWaitForTheNext) {
  EXPECT_EQ(Judge(Fitness::kRuns, {{.name = "a", .phase = PodPhase::kFailed},
                                   {.name = "b", .phase = PodPhase::kFailed}})
                .removals,
            Gone("a", RemovalReason::kFailed));
}

// Spec: 3.2/succeeded
TEST_F(NodeVerdictTest, ASucceededPodIsDeletedWithoutBackoff) {
  backoff_.Advance("n", kNow.mono);
  const NodeVerdict verdict = Judge(Fitness::kRuns, {{.name = "a", .phase = PodPhase::kSucceeded}});
  EXPECT_EQ(verdict.removals, Gone("a", RemovalReason::kSucceeded));
  EXPECT_FALSE(verdict.advance_backoff);
}

TEST_F(NodeVerdictTest, OnlyUnboundPodsOfANodeThatIsGoneAreDeleted) {
  const NodeVerdict verdict =
      Judge(Fitness::kGone,
            {{.name = "bound"}, {.name = "waiting", .phase = PodPhase::kPending, .bound = false}});
  EXPECT_EQ(verdict.removals, Gone("waiting", RemovalReason::kNodeGone));
  EXPECT_EQ(verdict.tally, Tally());
}

// Spec: 7/ready, 7/updated, 7/available
TEST_F(NodeVerdictTest, OnlyTheFirstPodIsLookedAtForTheNumbers) {
  EXPECT_EQ(Judge(Fitness::kRuns, {{.name = "first", .old = true, .ready = false, .age = 90s},
                                   {.name = "second", .age = 10s}})
                .tally,
            (Tally{.desired = 1, .current = 1}));
}

TEST_F(NodeVerdictTest, MinReadySecondsDelayAvailabilityAndWakeTheController) {
  daemon_set_.mutable_spec()->set_min_ready_seconds(10);
  const NodeVerdict early = Judge(Fitness::kRuns, {{.name = "a", .age = 7s}});
  EXPECT_EQ(early.tally.ready, 1);
  EXPECT_EQ(early.tally.available, 0);
  ASSERT_TRUE(early.wake_at.has_value());
  EXPECT_GT(*early.wake_at, kNow.mono + 3s);
  EXPECT_LT(*early.wake_at, kNow.mono + 4s);
  EXPECT_EQ(early.role, RolloutRole::kUnavailable);
  const NodeVerdict late = Judge(Fitness::kRuns, {{.name = "a", .age = 11s}});
  EXPECT_EQ(late.tally.available, 1);
  EXPECT_EQ(late.wake_at, std::nullopt);
}

struct RoleCase {
  const char* rule;
  Fitness fitness;
  std::vector<PodState> pods;
  RolloutRole role;
};

// Spec: 5.2/several-of-one-kind, 5.2/none, 5.2/old-and-new, 5.2/new-only
// Spec: 5.2/old-only-unavailable, 5.2/old-only-available
TEST_F(NodeVerdictTest, RolesOfARolloutThatDeletesFirst) {
  const PodState new_ready{.name = "n"};
  const PodState new_waiting{.name = "n", .ready = false};
  const PodState old_ready{.name = "o", .old = true};
  const PodState old_waiting{.name = "o", .old = true, .ready = false};
  const PodState leaving{.name = "t", .old = true, .terminating = true};
  const PodState second_old{.name = "p", .old = true};
  const PodState second_new{.name = "m"};
  const RoleCase cases[] = {
      {"more than one old", Fitness::kRuns, {old_ready, second_old}, RolloutRole::kUnavailable},
      {"more than one new", Fitness::kRuns, {new_ready, second_new}, RolloutRole::kUnavailable},
      {"none", Fitness::kRuns, {}, RolloutRole::kUnavailable},
      {"only a terminating one", Fitness::kRuns, {leaving}, RolloutRole::kUnavailable},
      {"one of each", Fitness::kRuns, {old_ready, new_ready}, RolloutRole::kUnavailable},
      {"new only, available", Fitness::kRuns, {new_ready}, RolloutRole::kNone},
      {"new only, not available", Fitness::kRuns, {new_waiting}, RolloutRole::kUnavailable},
      {"old only, not available", Fitness::kRuns, {old_waiting}, RolloutRole::kReplaceNow},
      {"old only, available", Fitness::kRuns, {old_ready}, RolloutRole::kCandidate},
      {"old only, tainted later", Fitness::kMayStay, {old_ready}, RolloutRole::kCandidate},
      // Unlike Kubernetes: who cannot be told to do anything uses up nothing.
      {"old only, node vanished", Fitness::kGone, {old_waiting}, RolloutRole::kNone},
      {"not eligible and empty", Fitness::kMayStay, {}, RolloutRole::kNone},
  };
  for (const RoleCase& each : cases) {
    EXPECT_EQ(Judge(each.fitness, each.pods).role, each.role) << each.rule;
  }
}

// Spec: 5.3/several-of-one-kind, 5.3/no-old, 5.3/old-unavailable, 5.3/old-unavailable-leaving
// Spec: 5.3/old-available-leaving, 5.3/old-available, 5.3/pair-new-unavailable
// Spec: 5.3/pair-new-available
TEST_F(NodeVerdictTest, RolesOfARolloutThatStartsFirst) {
  AllowSurge();
  const PodState new_ready{.name = "n"};
  const PodState new_waiting{.name = "n", .ready = false};
  const PodState old_ready{.name = "o", .old = true};
  const PodState old_waiting{.name = "o", .old = true, .ready = false};
  const PodState second_old{.name = "p", .old = true};
  const RoleCase cases[] = {
      {"more than one old", Fitness::kRuns, {old_ready, second_old}, RolloutRole::kSurging},
      {"no old", Fitness::kRuns, {new_waiting}, RolloutRole::kNone},
      {"old only, not available", Fitness::kRuns, {old_waiting}, RolloutRole::kStartNow},
      {"the same where none may start",
       Fitness::kMayStay,
       {old_waiting},
       RolloutRole::kOldUnavailable},
      {"old only, available", Fitness::kRuns, {old_ready}, RolloutRole::kStartCandidate},
      {"the same where none may start", Fitness::kMayStay, {old_ready}, RolloutRole::kSunset},
      {"both, new not available", Fitness::kRuns, {old_ready, new_waiting}, RolloutRole::kSurging},
      {"both, new available", Fitness::kRuns, {old_ready, new_ready}, RolloutRole::kTakenOver},
  };
  for (const RoleCase& each : cases) {
    EXPECT_EQ(Judge(each.fitness, each.pods).role, each.role) << each.rule;
  }
}

// Spec: 3.2/surge-pair
TEST_F(NodeVerdictTest, WithSurgeAnOldAndANewPodMayLiveSideBySide) {
  AllowSurge();
  EXPECT_THAT(
      Judge(Fitness::kRuns, {{.name = "o", .old = true}, {.name = "n", .ready = false}}).removals,
      IsEmpty());
  EXPECT_EQ(Judge(Fitness::kRuns,
                  {{.name = "o", .old = true, .ready = false}, {.name = "n", .ready = false}})
                .removals,
            Gone("o", RemovalReason::kReplaced));
  EXPECT_EQ(Judge(Fitness::kRuns, {{.name = "o", .old = true}, {.name = "n"}}).removals,
            Gone("o", RemovalReason::kReplaced));
  EXPECT_THAT(Judge(Fitness::kRuns, {{.name = "o", .old = true, .age = 90s},
                                     {.name = "p", .old = true, .age = 80s},
                                     {.name = "n", .ready = false}})
                  .removals,
              ElementsAre(PodRemoval{"p", RemovalReason::kExcess}));
}

// Spec: 3.2/surge-empty
TEST_F(NodeVerdictTest, WithSurgeATerminatingPodDoesNotBlockCreation) {
  AllowSurge();
  EXPECT_TRUE(Judge(Fitness::kRuns, {{.name = "o", .old = true, .terminating = true}}).create);
}

TEST_F(NodeVerdictTest, WithSurgeAFailedPodInBackoffHoldsItsNode) {
  AllowSurge();
  backoff_.Advance("n", kNow.mono);
  EXPECT_FALSE(Judge(Fitness::kRuns, {{.name = "a", .phase = PodPhase::kFailed}}).create);
}

}  // namespace
}  // namespace muster::coordinator
