// Room on nodes: who gets it, who gives way, who has to leave.

#include <chrono>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/controllers/loop_fixture.h"

namespace muster::coordinator {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::UnorderedElementsAre;

using PodKeeperTest = ControllerLoopTest;

// Spec: 10.1/fits, 10.2/event, 12.7/failed-placement
TEST_F(PodKeeperTest, APodThatDoesNotFitIsSeenWaitingAndStartsWhenThereIsRoom) {
  CreateDaemonSetOf("large", "6");
  Settle();
  CreateDaemonSetOf("late", "3");
  Settle();
  EXPECT_THAT(NodesOfPods("late"), ElementsAre("", "", ""));
  EXPECT_THAT(EventsOf("FailedScheduling"), SizeIs(3));
  EXPECT_THAT(MessagesOf("FailedPlacement"),
              UnorderedElementsAre("late: failed to place pod on \"node-1\": Insufficient cpu",
                                   "late: failed to place pod on \"node-2\": Insufficient cpu",
                                   "late: failed to place pod on \"node-3\": Insufficient cpu"));
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    if (!pod.pod().spec().node_name().empty()) continue;
    EXPECT_EQ(WaitsFor(pod.pod().metadata().name()),
              "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) didn't satisfy plugin(s) "
              "[NodeAffinity].");
  }
  // Waiting says it once.
  const int64_t quiet = Revision();
  Pass(1min);
  EXPECT_EQ(Revision(), quiet);
  // One of the large ones ends: that node has room, the others do not.
  for (v1::Object pod : List(v1::Object::kPod)) {
    if (pod.pod().spec().node_name() != "node-2") continue;
    pod.mutable_pod()->mutable_status()->set_phase("Failed");
    Update(std::move(pod));
  }
  store_.Deliver();
  loop_->Step();
  EXPECT_THAT(NodesOfPods("late"), UnorderedElementsAre("", "node-2", ""));
  // More of it on a node does, too.
  v1::Object grown = Node("node-3");
  (*grown.mutable_node()->mutable_status()->mutable_allocatable())["cpu"].set_text("9");
  Update(std::move(grown));
  Settle();
  EXPECT_THAT(NodesOfPods("late"), Contains("node-3"));
}

// Spec: 10.3/victims, 10.3/nominated
TEST_F(PodKeeperTest, AHigherPriorityTakesTheRoomOfALowerOneOnceThatIsGone) {
  CreateClass("high", 1000);
  CreateDaemonSetOf("low", "5");
  Settle();
  RunPods();
  CreateDaemonSetOf("vital", "5", "high");
  Settle();
  EXPECT_THAT(NodesOfPods("vital"), ElementsAre("", "", ""));
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(EventsOf("Preempted"), SizeIs(3));
  for (const v1::Object& object : List(v1::Object::kPod)) {
    const v1::Pod& pod = object.pod();
    if (pod.metadata().labels().at("app") == "vital") {
      EXPECT_EQ(pod.status().nominated_node_name(), PodFactsOf(pod).node);
      continue;
    }
    EXPECT_EQ(pod.metadata().deletion_grace_period_seconds(), 30);
    EXPECT_EQ(pod.status().conditions(1).type(), "DisruptionTarget");
    EXPECT_EQ(pod.status().conditions(1).reason(), "PreemptionByScheduler");
  }
  // They take their time; nobody else has to go meanwhile.
  const int64_t quiet = Revision();
  Pass(20s);
  EXPECT_EQ(Revision(), quiet);
  StopMarked();
  Settle();
  EXPECT_THAT(NodesOfPods("vital"), UnorderedElementsAre("node-1", "node-2", "node-3"));
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    EXPECT_EQ(pod.pod().status().nominated_node_name(), "");
  }
  // What gave way comes again and waits, and takes nothing from the one above it.
  EXPECT_THAT(NodesOfPods("low"), ElementsAre("", "", ""));
  Pass(1min);
  EXPECT_THAT(EventsOf("Preempted"), SizeIs(3));
}

// Spec: 10.3/nominated
TEST_F(PodKeeperTest, RoomThatIsBeingMadeIsNotTakenByOthers) {
  CreateClass("high", 1000);
  CreateDaemonSetOf("low", "8");
  Settle();
  CreateDaemonSetOf("vital", "5", "high");
  Settle();
  // Two that would fit as soon as the low ones are gone, were nothing held.
  CreateDaemonSetOf("small", "4");
  Settle();
  StopMarked();
  Settle();
  EXPECT_THAT(NodesOfPods("vital"), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(NodesOfPods("small"), ElementsAre("", "", ""));
}

TEST_F(PodKeeperTest, EqualPrioritiesAndThePolicyNeverMakeNobodyLeave) {
  CreateClass("polite", 1000, true);
  CreateDaemonSetOf("low", "5");
  Settle();
  CreateDaemonSetOf("same", "5");
  CreateDaemonSetOf("polite", "5", "polite");
  Pass(1min);
  EXPECT_THAT(NodesOfPods("low"), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(NodesOfPods("same"), ElementsAre("", "", ""));
  EXPECT_THAT(NodesOfPods("polite"), ElementsAre("", "", ""));
  EXPECT_THAT(Bound(true), IsEmpty());
}

// Spec: 12.7/scheduled
TEST_F(PodKeeperTest, ABarePodRunsOnOneNodeThatMatchesTheLeastLoadedFirst) {
  for (const char* name : {"node-1", "node-2"}) {
    v1::Object node = Node(name);
    (*node.mutable_node()->mutable_metadata()->mutable_labels())["disk"] = "ssd";
    Update(std::move(node));
  }
  v1::Object first = BarePod("first", "2");
  (*first.mutable_pod()->mutable_spec()->mutable_node_selector())["disk"] = "ssd";
  Create(first);
  Settle();
  EXPECT_EQ(NodeOf("first"), "node-1");
  v1::Object second = first;
  second.mutable_pod()->mutable_metadata()->set_name("second");
  second.mutable_pod()->mutable_metadata()->clear_uid();
  Create(second);
  Settle();
  EXPECT_EQ(NodeOf("second"), "node-2");
  EXPECT_THAT(EventsOf("Scheduled"), SizeIs(2));
  // It stays when the label goes.
  v1::Object node = Node("node-1");
  node.mutable_node()->mutable_metadata()->mutable_labels()->clear();
  Update(std::move(node));
  Pass(1min);
  EXPECT_EQ(NodeOf("first"), "node-1");
  EXPECT_FALSE(Pod("first").metadata().has_deletion_timestamp());
}

TEST_F(PodKeeperTest, ABarePodThatNoNodeTakesSaysWhyUntilOneDoes) {
  v1::Object pod = BarePod("picky");
  (*pod.mutable_pod()->mutable_spec()->mutable_node_selector())["disk"] = "ssd";
  Create(std::move(pod));
  Settle();
  EXPECT_EQ(NodeOf("picky"), "");
  EXPECT_EQ(WaitsFor("picky"),
            "0/3 nodes are available: 3 node(s) didn't match Pod's node affinity/selector.");
  EXPECT_THAT(EventsOf("FailedScheduling"), ElementsAre("Pod"));
  v1::Object node = Node("node-3");
  (*node.mutable_node()->mutable_metadata()->mutable_labels())["disk"] = "ssd";
  Update(std::move(node));
  Settle();
  EXPECT_EQ(NodeOf("picky"), "node-3");
}

TEST_F(PodKeeperTest, ABarePodOfAnUnknownClassWaitsForTheClass) {
  v1::Object pod = BarePod("ranked");
  pod.mutable_pod()->mutable_spec()->set_priority_class_name("gold");
  Create(std::move(pod));
  Settle();
  EXPECT_THAT(WaitsFor("ranked"), HasSubstr("no PriorityClass with name gold was found"));
  CreateClass("gold", 7);
  Settle();
  EXPECT_EQ(NodeOf("ranked"), "node-1");
  EXPECT_EQ(Pod("ranked").spec().priority(), 7);
}

// Spec: 10.3/victims
TEST_F(PodKeeperTest, ABarePodTakesTheRoomThatCostsTheLeast) {
  CreateClass("high", 1000);
  CreateClass("middle", 10);
  v1::Object middle = BarePod("middle", "8");
  middle.mutable_pod()->mutable_spec()->set_priority_class_name("middle");
  Create(middle);
  Settle();
  ASSERT_EQ(NodeOf("middle"), "node-1");
  for (const char* name : {"low-1", "low-2", "low-3", "low-4"}) {
    Create(BarePod(name, name == std::string("low-1") ? "8" : "4"));
    Settle();
  }
  // One low pod on one node, two on the other.
  v1::Object high = BarePod("high", "8");
  high.mutable_pod()->mutable_spec()->set_priority_class_name("high");
  Create(high);
  Settle();
  EXPECT_EQ(Pod("high").status().nominated_node_name(), NodeOf("low-1"));
  EXPECT_THAT(Bound(true), ElementsAre(NodeOf("low-1")));
  const std::string freed = NodeOf("low-1");
  StopMarked();
  Settle();
  EXPECT_EQ(NodeOf("high"), freed);
}

// pod-lifecycle.md, 21: deleting the object would not end the pod.
TEST_F(PodKeeperTest, AStaticPodTakesRoomAndNeverGivesWay) {
  CreateClass("high", 1000);
  for (const char* node : {"node-1", "node-2", "node-3"}) {
    Create(Mirror(absl::StrCat("fixed-", node), node, "8"));
  }
  v1::Object high = BarePod("high", "8");
  high.mutable_pod()->mutable_spec()->set_priority_class_name("high");
  Create(high);
  Settle();
  EXPECT_EQ(NodeOf("high"), "");
  EXPECT_THAT(WaitsFor("high"), HasSubstr("3 Insufficient cpu"));
  EXPECT_THAT(Bound(true), IsEmpty());
}

TEST_F(PodKeeperTest, AStaticPodIsNobodysToOwnOrToEvictAndGoesWithItsNode) {
  v1::Object mirror = Mirror("fixed-node-1", "node-1", "100m");
  (*mirror.mutable_pod()->mutable_metadata()->mutable_labels())["app"] = "agent";
  Create(mirror);
  CreateDaemonSet();
  Settle();
  EXPECT_EQ(Pod("fixed-node-1").metadata().owner_references(0).kind(), "Node");
  EXPECT_THAT(Bound(), SizeIs(4)) << "the DaemonSet has one of its own there";
  v1::Object node = Node("node-1");
  v1::Taint& taint = *node.mutable_node()->mutable_spec()->add_taints();
  taint.set_key("broken");
  taint.set_effect("NoExecute");
  Update(std::move(node));
  Pass(1min);
  EXPECT_FALSE(Pod("fixed-node-1").metadata().has_deletion_timestamp());
  Delete(v1::Object::kNode, "", "node-1");
  Pass(41s);
  EXPECT_FALSE(HasPod("fixed-node-1"));
}

TEST_F(PodKeeperTest, ABarePodThatEndsFreesItsRoomAndStaysToBeRead) {
  for (const char* name : {"once", "b", "c", "d"}) {
    Create(BarePod(name, "8"));
    Settle();
  }
  EXPECT_EQ(NodeOf("d"), "");
  v1::Object done;
  *done.mutable_pod() = Pod("once");
  done.mutable_pod()->mutable_status()->set_phase("Succeeded");
  Update(std::move(done));
  Pass(1h);
  EXPECT_EQ(NodeOf("d"), NodeOf("once"));
  EXPECT_EQ(Pod("once").status().phase(), "Succeeded");
}

// Spec: 11.3/cordon
TEST_F(PodKeeperTest, ACordonedNodeStillGetsDaemonPodsAndNoOthers) {
  for (const char* name : {"node-1", "node-2"}) {
    v1::Object node = Node(name);
    node.mutable_node()->mutable_spec()->set_unschedulable(true);
    Update(std::move(node));
  }
  Settle();
  CreateDaemonSet();
  Create(BarePod("bare"));
  Settle();
  EXPECT_THAT(NodesOfPods("web"), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_EQ(NodeOf("bare"), "node-3");
}

// Spec: 12.7/node
TEST_F(PodKeeperTest, EventsTellOfNodesThatAreCordonedAndOfThoseThatAreNot) {
  const auto cordon = [this](bool wanted) {
    v1::Object node = Node("node-1");
    node.mutable_node()->mutable_spec()->set_unschedulable(wanted);
    Update(std::move(node));
    Pass(1s);
  };
  ASSERT_TRUE(Settle());
  EXPECT_THAT(MessagesOf("NodeNotSchedulable"), IsEmpty());
  cordon(true);
  EXPECT_THAT(MessagesOf("NodeNotSchedulable"),
              ElementsAre("node-1: Node node-1 status is now: NodeNotSchedulable"));
  EXPECT_THAT(MessagesOf("NodeSchedulable"), IsEmpty());
  Restart();
  ASSERT_TRUE(Settle());
  cordon(false);
  EXPECT_THAT(MessagesOf("NodeSchedulable"),
              ElementsAre("node-1: Node node-1 status is now: NodeSchedulable"));
  EXPECT_THAT(MessagesOf("NodeNotSchedulable"), SizeIs(1));
  FallSilent("node-2");
  Pass(10s);
  Return("node-2");
  ASSERT_TRUE(Settle());
  EXPECT_THAT(MessagesOf("NodeNotReady"),
              Contains("node-2: Node node-2 status is now: NodeNotReady"));
  EXPECT_THAT(MessagesOf("NodeReady"), ElementsAre("node-2: Node node-2 status is now: NodeReady"));
}

// Spec: 1.3/seconds
TEST_F(PodKeeperTest, ADaemonPodToleratesATaintForItsTimeAndIsNotMadeAgain) {
  v1::Object object;
  *object.mutable_daemon_set() = DaemonSetNamed("web");
  v1::Toleration& toleration = *object.mutable_daemon_set()
                                    ->mutable_spec()
                                    ->mutable_template_()
                                    ->mutable_spec()
                                    ->add_tolerations();
  toleration.set_key("maintenance");
  toleration.set_operator_("Exists");
  toleration.set_effect("NoExecute");
  toleration.set_toleration_seconds(20);
  Create(std::move(object));
  Settle();
  AddTaintTo("node-2", "maintenance", "NoExecute");
  Pass(20s - 1ms);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  Pass(1s);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-3"));
  StopMarked();
  Pass(1min);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-3"));
  EXPECT_EQ(DaemonSet().daemon_set().status().desired_number_scheduled(), 2);
  RemoveTaints("node-2");
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
}

// Spec: 11.1/default-eviction
TEST_F(PodKeeperTest, ALostNodeKeepsItsDaemonPodsAndItsOtherPodsForFiveMinutes) {
  CreateDaemonSet();
  Create(BarePod("bare"));
  Settle();
  const std::string node = NodeOf("bare");
  FallSilent(node);
  Pass(9s + 300s - 1ms);
  EXPECT_TRUE(HasTaint(node, "unreachable", "NoExecute"));
  EXPECT_FALSE(Pod("bare").metadata().has_deletion_timestamp());
  Pass(2ms);
  EXPECT_TRUE(Pod("bare").metadata().has_deletion_timestamp());
  EXPECT_EQ(Pod("bare").status().conditions(1).reason(), "DeletionByTaintManager");
  EXPECT_THAT(EventsOf("TaintManagerEviction"), ElementsAre("Pod"));
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
}

TEST_F(PodKeeperTest, ATaintThatIsNotToleratedDrivesOutAtOnceAndOneThatIsForAWhileThen) {
  v1::Object patient = BarePod("patient");
  v1::Toleration& toleration = *patient.mutable_pod()->mutable_spec()->add_tolerations();
  toleration.set_key("maintenance");
  toleration.set_operator_("Exists");
  toleration.set_effect("NoExecute");
  toleration.set_toleration_seconds(20);
  for (const char* node : {"node-2", "node-3"}) AddTaintTo(node, "only-one", "NoSchedule");
  Create(std::move(patient));
  Create(BarePod("hasty"));
  Settle();
  ASSERT_EQ(NodeOf("patient"), "node-1");
  ASSERT_EQ(NodeOf("hasty"), "node-1");
  AddTaintTo("node-1", "maintenance", "NoExecute");
  Settle();
  EXPECT_TRUE(Pod("hasty").metadata().has_deletion_timestamp());
  Pass(10s);
  Restart();  // Its time goes on all the same.
  Pass(10s - 1ms);
  EXPECT_FALSE(Pod("patient").metadata().has_deletion_timestamp());
  Pass(2ms);
  EXPECT_TRUE(Pod("patient").metadata().has_deletion_timestamp());
}

TEST_F(PodKeeperTest, ANodeThatStartsWithTaintsGetsItsDaemonsWhenTheyGo) {
  v1::Object node;
  *node.mutable_node() = NodeNamed("node-4");
  AddTaint(*node.mutable_node(), "starting", "NoSchedule");
  Create(std::move(node));
  CreateDaemonSet();
  Create(BarePod("bare", "100m"));
  Settle();
  EXPECT_THAT(NodesOfPods("web"), Not(Contains("node-4")));
  RemoveTaints("node-4");
  Settle();
  EXPECT_THAT(NodesOfPods("web"), Contains("node-4"));
}

// Spec: 11.4/out-of-service
TEST_F(PodKeeperTest, TerminatingPodsOfANodeThatIsOutOfServiceAreRemoved) {
  CreateDaemonSet();
  Settle();
  FallSilent("node-2");
  Pass(1min);
  AddTaintTo("node-2", "node.kubernetes.io/out-of-service", "NoExecute");
  Pass(1s);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-3"));
  EXPECT_THAT(Bound(true), IsEmpty());
}

// Spec: 11.4/out-of-service
TEST_F(PodKeeperTest, ANodeThatIsReadyStopsItsPodsItselfWhateverItIsSaidToBe) {
  CreateDaemonSet();
  Settle();
  AddTaintTo("node-2", "node.kubernetes.io/out-of-service", "NoExecute");
  Pass(1min);
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-2"));
}

}  // namespace
}  // namespace muster::coordinator
