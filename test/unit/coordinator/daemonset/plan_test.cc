#include "coordinator/daemonset/plan.h"

#include <chrono>
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
using testing::SizeIs;

std::vector<std::string> ReasonsOf(const std::vector<PlannedEvent>& events) {
  std::vector<std::string> reasons;
  for (const PlannedEvent& each : events) reasons.push_back(each.reason);
  return reasons;
}

class PlanTest : public testing::Test {
 protected:
  PlanTest() {
    for (const char* name : {"node-1", "node-2", "node-3"}) scene_.nodes.push_back(NodeNamed(name));
    scene_.SettleRevisions();
    hash_ = scene_.Hash();
  }

  v1::PodSpec& TemplateSpec() {
    return *scene_.daemon_set.mutable_spec()->mutable_template_()->mutable_spec();
  }
  v1::RollingUpdateDaemonSet& Rolling() {
    return *scene_.daemon_set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
  }
  void AddNodes(int up_to) {
    for (int i = static_cast<int>(scene_.nodes.size()) + 1; i <= up_to; ++i) {
      scene_.nodes.push_back(NodeNamed("node-" + std::to_string(i)));
    }
  }
  // One ready pod of the hash on every node, named after the node.
  void FillWith(const std::string& hash) {
    for (const v1::Node& node : scene_.nodes) {
      scene_.pods.push_back(ReadyPodOn(scene_.daemon_set, node.metadata().name(), hash,
                                       "pod-of-" + node.metadata().name()));
    }
  }

  Scene scene_;
  std::string hash_;
};

// Spec: 1.1/empty-node-creates, 12.7/successful-create
TEST_F(PlanTest, EveryNodeGetsAPodAndAnEventTellsOfIt) {
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(NodesOf(plan.create), ElementsAre("node-1", "node-2", "node-3"));
  ASSERT_THAT(plan.events, SizeIs(3));
  EXPECT_EQ(plan.events[0], (PlannedEvent{false, "SuccessfulCreate",
                                          "Created pod: " + plan.create[0].metadata().name()}));
  EXPECT_THAT(plan.notes, SizeIs(3));
}

TEST_F(PlanTest, TheFirstPassAlsoCreatesTheRevisionItsPodsCarry) {
  scene_.revisions.clear();
  const DaemonSetPlan plan = scene_.Plan();
  ASSERT_THAT(plan.revisions.create, SizeIs(1));
  EXPECT_EQ(PodFactsOf(plan.create[0]).hash, plan.revisions.current_hash);
}

TEST_F(PlanTest, SettledWhenEveryNodeHasItsPod) {
  FillWith(hash_);
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_TRUE(plan.settled());
  EXPECT_THAT(plan.events, IsEmpty());
}

TEST_F(PlanTest, ATerminatingDaemonSetGetsNothingNotEvenStatus) {
  *scene_.daemon_set.mutable_metadata()->mutable_deletion_timestamp() = FromWallTime(kWall);
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_TRUE(plan.settled());
  EXPECT_FALSE(plan.status.has_value());
}

// Spec: 12.7/selecting-all
TEST_F(PlanTest, ASelectorOfEverythingIsRefusedByAnEvent) {
  scene_.daemon_set.mutable_spec()->mutable_selector()->Clear();
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(plan.events,
              ElementsAre(PlannedEvent{
                  true, "SelectingAll",
                  "This daemon set is selecting all pods. A non-empty selector is required."}));
  EXPECT_THAT(plan.create, IsEmpty());
  EXPECT_FALSE(plan.status.has_value());
}

// Spec: 3.1/burst
TEST_F(PlanTest, AtMost250PodsAreCreatedInOnePass) {
  AddNodes(600);
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(plan.create, SizeIs(250));
  EXPECT_TRUE(plan.more);
  EXPECT_EQ(plan.status->desired_number_scheduled(), 600);
}

// Spec: 3.1/burst
TEST_F(PlanTest, AtMost250PodsAreDeletedInOnePass) {
  AddNodes(300);
  FillWith(hash_);
  (*TemplateSpec().mutable_node_selector())["no"] = "node";
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(plan.remove, SizeIs(250));
  EXPECT_TRUE(plan.more);
}

// Spec: 3.1/slow-start, 10.3/unknown-class, 12.7/failed-create
TEST_F(PlanTest, PodsThatCannotBeMadeAreOneFailedCreateEvent) {
  TemplateSpec().set_priority_class_name("gone");
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(plan.create, IsEmpty());
  EXPECT_FALSE(plan.creation.ok());
  EXPECT_THAT(plan.events,
              ElementsAre(PlannedEvent{true, "FailedCreate",
                                       "Error creating: pods \"web-\" is forbidden: no "
                                       "PriorityClass with name gone was found"}));
  // The status moves on all the same.
  EXPECT_EQ(plan.status->observed_generation(), 1);
  EXPECT_EQ(plan.status->desired_number_scheduled(), 3);
}

// Spec: 3.2/failed, 3.2/succeeded, 12.7/failed-daemon-pod, 12.7/succeeded-daemon-pod
// Spec: 12.7/successful-delete
TEST_F(PlanTest, FailedAndSucceededPodsAreReportedBeforeTheyGo) {
  scene_.pods.push_back(PodOn(scene_.daemon_set, "node-1", hash_, "failed"));
  scene_.pods.back().mutable_status()->set_phase("Failed");
  scene_.pods.push_back(PodOn(scene_.daemon_set, "node-2", hash_, "ended"));
  scene_.pods.back().mutable_status()->set_phase("Succeeded");
  scene_.pods.push_back(ReadyPodOn(scene_.daemon_set, "node-3", hash_, "fine"));
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(
      plan.events,
      ElementsAre(
          PlannedEvent{true, "FailedDaemonPod",
                       "Found failed daemon pod default/failed on node node-1, will try to kill "
                       "it"},
          PlannedEvent{false, "SuccessfulDelete", "Deleted pod: failed"},
          PlannedEvent{false, "SucceededDaemonPod",
                       "Found succeeded daemon pod default/ended on node node-2, will try to "
                       "delete it"},
          PlannedEvent{false, "SuccessfulDelete", "Deleted pod: ended"}));
  EXPECT_THAT(plan.failed_on, ElementsAre("node-1"));
  EXPECT_THAT(plan.create, IsEmpty());
}

// Spec: 4.1/orphan-matching, 4.1/own-not-matching
TEST_F(PlanTest, ClaimsComeFirst) {
  v1::Pod orphan = ReadyPodOn(scene_.daemon_set, "node-1", hash_, "orphan");
  orphan.mutable_metadata()->clear_owner_references();
  v1::Pod stray = ReadyPodOn(scene_.daemon_set, "node-2", hash_, "stray");
  (*stray.mutable_metadata()->mutable_labels())["app"] = "other";
  scene_.pods = {orphan, stray};
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(plan.adopt, ElementsAre("orphan"));
  EXPECT_THAT(plan.release, ElementsAre("stray"));
  EXPECT_THAT(plan.create, IsEmpty());
  EXPECT_TRUE(plan.more);
  EXPECT_FALSE(plan.status.has_value());
}

TEST_F(PlanTest, TheNodeOfAReleasedPodCountsAsEmpty) {
  v1::Pod released = ReadyPodOn(scene_.daemon_set, "node-1", hash_, "released");
  (*released.mutable_metadata()->mutable_labels())["app"] = "other";
  released.mutable_metadata()->clear_owner_references();
  scene_.pods = {released};
  EXPECT_THAT(NodesOf(scene_.Plan().create), ElementsAre("node-1", "node-2", "node-3"));
}

// Spec: 4.1/other-owner
TEST_F(PlanTest, APodOfSomebodyElseIsNeverTouched) {
  v1::DaemonSet other = DaemonSetNamed("web");
  other.mutable_metadata()->set_uid("another");
  scene_.pods = {ReadyPodOn(other, "node-1", hash_, "theirs")};
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_THAT(plan.adopt, IsEmpty());
  EXPECT_THAT(NodesOf(plan.create), ElementsAre("node-1", "node-2", "node-3"));
}

// Spec: 7/desired, 7/current, 7/misscheduled, 7/ready, 7/updated, 7/available, 7/unavailable
TEST_F(PlanTest, StatusCountsNodes) {
  AddNodes(6);
  AddTaint(scene_.nodes[4], "k", "NoSchedule");
  AddTaint(scene_.nodes[5], "k", "NoSchedule");
  scene_.pods = {
      ReadyPodOn(scene_.daemon_set, "node-1", hash_, "a"),
      ReadyPodOn(scene_.daemon_set, "node-2", "older", "b"),
      PodOn(scene_.daemon_set, "node-3", hash_, "c"),
      ReadyPodOn(scene_.daemon_set, "node-5", hash_, "e"),
      ReadyPodOn(scene_.daemon_set, "vanished", hash_, "v"),
  };
  const v1::DaemonSetStatus status = *scene_.Plan().status;
  EXPECT_EQ(status.desired_number_scheduled(), 4);
  EXPECT_EQ(status.current_number_scheduled(), 3);
  EXPECT_EQ(status.number_misscheduled(), 1);
  EXPECT_EQ(status.number_ready(), 2);
  EXPECT_EQ(status.updated_number_scheduled(), 2);
  EXPECT_EQ(status.number_available(), 2);
  EXPECT_EQ(status.number_unavailable(), 2);
}

// Spec: 7/observed-generation
TEST_F(PlanTest, ObservedGenerationFollowsAndNeverFalls) {
  scene_.daemon_set.mutable_metadata()->set_generation(4);
  scene_.daemon_set.mutable_status()->set_observed_generation(3);
  EXPECT_EQ(scene_.Plan().status->observed_generation(), 4);
  scene_.daemon_set.mutable_status()->set_observed_generation(9);
  EXPECT_EQ(scene_.Plan().status->observed_generation(), 9);
}

// Spec: 5.1/max-unavailable, 5.2/old-only-available
TEST_F(PlanTest, ARollingUpdateDeletesAsManyAsMayBeUnavailable) {
  AddNodes(7);
  struct {
    const char* max_unavailable;
    size_t removals;
  } const cases[] = {{"1", 1}, {"3", 3}, {"30%", 3}, {"50%", 4}, {"100%", 7}, {"50", 7}};
  for (const auto& each : cases) {
    scene_.pods.clear();
    FillWith("older");
    const std::string text = each.max_unavailable;
    if (text.back() == '%') {
      Rolling().mutable_max_unavailable()->set_string_value(text);
    } else {
      Rolling().mutable_max_unavailable()->set_int_value(std::stoi(text));
    }
    const DaemonSetPlan plan = scene_.Plan();
    EXPECT_THAT(plan.remove, SizeIs(each.removals)) << text;
    EXPECT_EQ(plan.remove[0],
              (PlannedRemoval{"node-1", {"pod-of-node-1", RemovalReason::kOutdated}}));
    EXPECT_THAT(plan.create, IsEmpty());
  }
}

// Spec: 5.2/new-only
TEST_F(PlanTest, UnavailablePodsUseUpTheBudget) {
  FillWith("older");
  scene_.pods[2] = PodOn(scene_.daemon_set, "node-3", hash_, "starting");
  EXPECT_TRUE(scene_.Plan().settled());
  SetReady(scene_.pods[2], true);
  EXPECT_THAT(PodsOf(scene_.Plan().remove), ElementsAre("pod-of-node-1"));
}

// Spec: 5.2/old-only-unavailable
TEST_F(PlanTest, OldPodsThatAreNotAvailableAreReplacedAtOnceOutsideTheBudget) {
  AddNodes(5);
  FillWith("older");
  for (v1::Pod& pod : scene_.pods) SetReady(pod, false);
  Rolling().mutable_max_unavailable()->set_int_value(3);
  EXPECT_THAT(scene_.Plan().remove, SizeIs(5));
  // With one of them available, the unavailable ones use up the budget it would need.
  SetReady(scene_.pods[0], true);
  EXPECT_THAT(PodsOf(scene_.Plan().remove),
              ElementsAre("pod-of-node-2", "pod-of-node-3", "pod-of-node-4", "pod-of-node-5"));
}

TEST_F(PlanTest, ATerminatingPodUsesUpTheBudget) {
  FillWith("older");
  Terminate(scene_.pods[1]);
  EXPECT_TRUE(scene_.Plan().settled());
}

// Spec: 5.2/none
TEST_F(PlanTest, ARolloutWaitsUntilMissingPodsAreThere) {
  FillWith("older");
  scene_.pods.pop_back();
  Rolling().mutable_max_unavailable()->set_int_value(3);
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(NodesOf(plan.create), ElementsAre("node-3"));
  EXPECT_THAT(plan.remove, IsEmpty());
}

// Spec: 5.1/type, 5.4/on-delete
TEST_F(PlanTest, OnDeleteTouchesNoPodOfAnOldRevision) {
  scene_.daemon_set.mutable_spec()->mutable_update_strategy()->set_type("OnDelete");
  scene_.daemon_set.mutable_spec()->mutable_update_strategy()->clear_rolling_update();
  FillWith("older");
  EXPECT_TRUE(scene_.Plan().settled());
  EXPECT_EQ(scene_.Plan().status->updated_number_scheduled(), 0);
  // One that somebody deleted comes back from the newest template.
  scene_.pods.erase(scene_.pods.begin());
  const DaemonSetPlan plan = scene_.Plan();
  ASSERT_THAT(NodesOf(plan.create), ElementsAre("node-1"));
  EXPECT_EQ(PodFactsOf(plan.create[0]).hash, hash_);
}

TEST_F(PlanTest, ChangingOnlyTheStrategyReplacesNoPod) {
  FillWith(hash_);
  Rolling().mutable_max_unavailable()->set_string_value("100%");
  scene_.daemon_set.mutable_spec()->set_revision_history_limit(1);
  (*scene_.daemon_set.mutable_metadata()->mutable_labels())["x"] = "y";
  EXPECT_TRUE(scene_.Plan().settled());
}

class SurgePlanTest : public PlanTest {
 protected:
  SurgePlanTest() {
    Rolling().mutable_max_unavailable()->set_int_value(0);
    Rolling().mutable_max_surge()->set_int_value(1);
  }
};

// Spec: 5.3/old-available, 5.3/pair-new-unavailable, 5.3/pair-new-available
TEST_F(SurgePlanTest, StartsANewPodBesideAnOldOneOnAsManyNodesAsAllowed) {
  FillWith("older");
  DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(NodesOf(plan.create), ElementsAre("node-1"));
  EXPECT_THAT(plan.remove, IsEmpty());
  scene_.pods.push_back(PodOn(scene_.daemon_set, "node-1", hash_, "successor"));
  EXPECT_TRUE(scene_.Plan().settled());  // Waits until the successor is available.
  SetReady(scene_.pods.back(), true);
  plan = scene_.Plan();
  EXPECT_THAT(PodsOf(plan.remove), ElementsAre("pod-of-node-1"));
  EXPECT_THAT(plan.create, IsEmpty());
}

// Spec: 5.3/old-unavailable
TEST_F(SurgePlanTest, AnOldPodThatIsNotAvailableGetsItsSuccessorOutsideTheBudget) {
  FillWith("older");
  SetReady(scene_.pods[1], false);
  SetReady(scene_.pods[2], false);
  EXPECT_THAT(NodesOf(scene_.Plan().create), ElementsAre("node-2", "node-3", "node-1"));
}

// Spec: 5.3/old-available-leaving
TEST_F(SurgePlanTest, APodOnANodeThatIsTaintedStaysUntilOthersMakeUpForIt) {
  FillWith("older");
  AddTaint(scene_.nodes[2], "k", "NoSchedule");
  scene_.pods.push_back(PodOn(scene_.daemon_set, "node-1", hash_, "successor"));
  // Three are available, two desired: the one too many may go.
  EXPECT_THAT(PodsOf(scene_.Plan().remove), ElementsAre("pod-of-node-3"));
  SetReady(scene_.pods[1], false);
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_THAT(plan.remove, IsEmpty());
}

TEST_F(PlanTest, EquallyRandomWorldsGivePlansInTheSameOrder) {
  scene_.nodes = {NodeNamed("c"), NodeNamed("a"), NodeNamed("b")};
  EXPECT_THAT(NodesOf(scene_.Plan().create), ElementsAre("a", "b", "c"));
  scene_.nodes = {NodeNamed("b"), NodeNamed("c"), NodeNamed("a")};
  EXPECT_THAT(NodesOf(scene_.Plan().create), ElementsAre("a", "b", "c"));
}

TEST_F(PlanTest, WakesForTheEarliestThingThatTimeAloneChanges) {
  FillWith(hash_);
  scene_.daemon_set.mutable_spec()->set_min_ready_seconds(60);
  SetReady(scene_.pods[0], true, kWall - 20s);
  SetReady(scene_.pods[1], true, kWall - 50s);
  const DaemonSetPlan plan = scene_.Plan();
  ASSERT_TRUE(plan.wake_at.has_value());
  EXPECT_EQ(*plan.wake_at, kNow.mono + 10s + 1ms);
}

// Spec: 6/several-equal
TEST_F(PlanTest, PodsOfARevisionThatIsMergedAreRelabelledBeforeAnythingElse) {
  FillWith(hash_);
  v1::ControllerRevision twin = scene_.revisions[0];
  twin.mutable_metadata()->set_name("web-twin");
  (*twin.mutable_metadata()->mutable_labels())[kRevisionHashLabel] = "twin";
  twin.set_revision(5);
  scene_.revisions.push_back(twin);
  const DaemonSetPlan plan = scene_.Plan();
  EXPECT_TRUE(plan.more);
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_EQ(plan.revisions.relabel.at(hash_), "twin");
}

TEST_F(PlanTest, EventsOfOnePassAreInTheOrderOfWhatHappens) {
  FillWith(hash_);
  AddTaint(scene_.nodes[0], "k", "NoExecute");
  scene_.pods.pop_back();
  EXPECT_THAT(ReasonsOf(scene_.Plan().events), ElementsAre("SuccessfulCreate", "SuccessfulDelete"));
}

}  // namespace
}  // namespace muster::coordinator
