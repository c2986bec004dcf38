#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/controllers/loop_fixture.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;

TEST_F(ControllerLoopTest, SettlesAndThenWritesNothing) {
  CreateDaemonSet();
  ASSERT_TRUE(Settle());
  const int64_t settled = Revision();
  for (int i = 0; i < 10; ++i) {
    clock_.Advance(5s);
    store_.Deliver();
    loop_->Step();
  }
  EXPECT_EQ(Revision(), settled);
}

TEST_F(ControllerLoopTest, EveryNodeGetsABoundPodAndSoDoesOneThatJoins) {
  CreateDaemonSet();
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_EQ(DaemonSet().daemon_set().status().current_number_scheduled(), 3);
  EXPECT_EQ(List(v1::Object::kControllerRevision).size(), 1u);
  AddNode("node-4");
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3", "node-4"));
}

TEST_F(ControllerLoopTest, ANoExecuteTaintDrivesOutAndNoScheduleDoesNot) {
  CreateDaemonSet();
  Settle();
  v1::Object kept = Node("node-1");
  AddTaint(*kept.mutable_node(), "k", "NoSchedule");
  Update(kept);
  v1::Object left = Node("node-2");
  AddTaint(*left.mutable_node(), "k", "NoExecute");
  Update(left);
  Settle();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-3"));
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-2"));
  EXPECT_EQ(DaemonSet().daemon_set().status().number_misscheduled(), 2);
}

TEST_F(ControllerLoopTest, ANewLoopOnTheSameStoreChangesNoPod) {
  CreateDaemonSet();
  Settle();
  std::vector<std::string> before;
  for (const v1::Object& pod : List(v1::Object::kPod)) before.push_back(EncodeObject(pod));
  Restart();
  Settle();
  std::vector<std::string> after;
  for (const v1::Object& pod : List(v1::Object::kPod)) after.push_back(EncodeObject(pod));
  EXPECT_EQ(before, after);
}

// Spec: 4.2/background
TEST_F(ControllerLoopTest, ADaemonSetDeletedInTheBackgroundTakesItsPodsAndRevisions) {
  CreateDaemonSet();
  Settle();
  Delete(v1::Object::kDaemonSet, "default", "web");
  Settle();
  EXPECT_THAT(Bound(), IsEmpty());
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(List(v1::Object::kControllerRevision), IsEmpty());
}

TEST_F(ControllerLoopTest, WhatOthersOwnIsNeverTouched) {
  CreateDaemonSet();
  for (const char* kind : {"Job", "ReplicaSet"}) {
    v1::Object pod = BarePod(std::string("of-") + (kind[0] == 'J' ? "job" : "set"));
    v1::ObjectMeta& meta = *pod.mutable_pod()->mutable_metadata();
    (*meta.mutable_labels())["app"] = "web";
    v1::OwnerReference& owner = *meta.add_owner_references();
    owner.set_kind(kind);
    owner.set_uid(std::string("uid of a ") + kind);
    owner.set_controller(true);
    pod.mutable_pod()->mutable_spec()->set_node_name("node-1");
    Create(std::move(pod));
  }
  v1::Object revision;
  revision.mutable_controller_revision()->mutable_metadata()->set_namespace_("default");
  revision.mutable_controller_revision()->mutable_metadata()->set_name("of-job");
  v1::OwnerReference& owner =
      *revision.mutable_controller_revision()->mutable_metadata()->add_owner_references();
  owner.set_kind("Job");
  owner.set_uid("uid of a Job");
  owner.set_controller(true);
  Create(std::move(revision));
  Settle();
  const std::string job = EncodeObject(*objects_.Get(v1::Object::kPod, "default", "of-job"));
  const std::string set = EncodeObject(*objects_.Get(v1::Object::kPod, "default", "of-set"));
  Pass(1min);
  Restart();
  Pass(1min);
  EXPECT_EQ(EncodeObject(*objects_.Get(v1::Object::kPod, "default", "of-job")), job);
  EXPECT_EQ(EncodeObject(*objects_.Get(v1::Object::kPod, "default", "of-set")), set);
  EXPECT_EQ(List(v1::Object::kControllerRevision).size(), 2u);
}

// Spec: 4.2/foreground
TEST_F(ControllerLoopTest, ADaemonSetDeletedInTheForegroundWaitsForItsPods) {
  CreateDaemonSet();
  Settle();
  DeleteWith("foregroundDeletion");
  Settle();
  EXPECT_THAT(Bound(), IsEmpty());
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(List(v1::Object::kControllerRevision), IsEmpty());
  EXPECT_EQ(List(v1::Object::kDaemonSet).size(), 1u);
  // The agents are done, one after the other.
  for (int left = 2; left >= 0; --left) {
    Delete(v1::Object::kPod, "default", List(v1::Object::kPod).front().pod().metadata().name());
    Settle();
    EXPECT_EQ(List(v1::Object::kDaemonSet).size(), left == 0 ? 0u : 1u);
  }
  EXPECT_THAT(List(v1::Object::kPod), IsEmpty());
}

// Spec: 4.2/orphan
TEST_F(ControllerLoopTest, ADaemonSetDeletedAsAnOrphanageLeavesItsPodsRunningWithoutAnOwner) {
  CreateDaemonSet();
  Settle();
  RunPods();
  Settle();
  std::vector<std::string> uids;
  for (const v1::Object& pod : List(v1::Object::kPod)) uids.push_back(pod.pod().metadata().uid());
  DeleteWith("orphan");
  Pass(1min);
  EXPECT_THAT(List(v1::Object::kDaemonSet), IsEmpty());
  EXPECT_THAT(ReadyPodsOn(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_EQ(List(v1::Object::kControllerRevision).size(), 1u);
  for (const model::Kind kind : {v1::Object::kPod, v1::Object::kControllerRevision}) {
    for (const v1::Object& object : List(kind)) {
      EXPECT_THAT(model::MetadataOf(object).owner_references(), IsEmpty());
    }
  }
  // The same again adopts them all, and restarts none.
  v1::Object again;
  *again.mutable_daemon_set() = DaemonSetNamed("web");
  again.mutable_daemon_set()->mutable_metadata()->set_uid("another uid");
  Create(std::move(again));
  Pass(1min);
  std::vector<std::string> adopted;
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    EXPECT_EQ(pod.pod().metadata().owner_references(0).uid(), "another uid");
    adopted.push_back(pod.pod().metadata().uid());
  }
  EXPECT_EQ(adopted, uids);
  EXPECT_EQ(List(v1::Object::kControllerRevision).size(), 1u);
}

// Spec: 11.4/quarantine
TEST_F(ControllerLoopTest, PodsOfADeletedNodeStayForTheQuarantineAndFailBeforeTheyGo) {
  CreateDaemonSet();
  Settle();
  Delete(v1::Object::kNode, "", "node-3");
  Pass(40s - 1ms);
  EXPECT_EQ(List(v1::Object::kPod).size(), 3u);
  std::vector<std::string> seen;
  const auto watch = store_.WatchFrom(
      "/pods/", Revision(), [&](const absl::StatusOr<std::vector<Change>>& changes) {
        for (const Change& change : *changes) {
          seen.push_back(change.kind == Change::Kind::kDelete
                             ? "gone"
                             : DecodeObject(change.kv)->pod().status().phase());
        }
      });
  Pass(1ms);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2"));
  EXPECT_THAT(seen, ElementsAre("Failed", "gone"));
}

TEST_F(ControllerLoopTest, AFinalizerKeepsThePodOfADeletedNode) {
  CreateDaemonSet();
  Settle();
  for (v1::Object pod : List(v1::Object::kPod)) {
    if (pod.pod().spec().node_name() != "node-3") continue;
    pod.mutable_pod()->mutable_metadata()->add_finalizers("example.com/keep");
    Update(std::move(pod));
  }
  Delete(v1::Object::kNode, "", "node-3");
  Pass(2min);
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-3"));
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2"));
}

// Spec: 11.4/quarantine
TEST_F(ControllerLoopTest, ANodeThatRegistersAgainInTimeKeepsItsPods) {
  CreateDaemonSet();
  Settle();
  Delete(v1::Object::kNode, "", "node-3");
  Pass(39s);
  AddNode("node-3");
  Pass(2min);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(EventsOf("SuccessfulCreate").size(), 3u);
}

// Spec: 11.1/grace, 11.1/monitor, 11.2/silent
TEST_F(ControllerLoopTest, ASilentNodeIsLostAfterNineSecondsThoughItsStreamIsOpen) {
  CreateDaemonSet();
  Settle();
  RunPods();
  Pass(1min);
  FallSilent("node-2");
  Pass(9s - 1ms);
  EXPECT_EQ(ReadyOf("node-2"), "True");
  Pass(1ms);
  EXPECT_EQ(ReadyOf("node-2"), "Unknown");
  EXPECT_EQ(ReadyOf("node-1"), "True");
  // Its pods are not ready, but daemon pods stay where they are.
  EXPECT_THAT(ReadyPodsOn(), UnorderedElementsAre("node-1", "node-3"));
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(EventsOf("NodeNotReady"), UnorderedElementsAre("Node", "Pod"));
  EXPECT_EQ(DaemonSet().daemon_set().status().number_misscheduled(), 1);
  Return("node-2");
  Pass(1s);
  EXPECT_FALSE(HasTaint("node-2", "unreachable", "NoSchedule"));
  EXPECT_THAT(EventsOf("NodeReady"), ElementsAre("Node"));
}

TEST_F(ControllerLoopTest, ABrokenStreamIsLostAfterThreeSecondsUnlessTheAgentIsBack) {
  Settle();
  BreakStream("node-1");
  BreakStream("node-2");
  Pass(2s);
  Return("node-2");
  Pass(1s - 1ms);
  EXPECT_EQ(ReadyOf("node-1"), "True");
  Pass(1ms);
  EXPECT_EQ(ReadyOf("node-1"), "Unknown");
  EXPECT_EQ(ReadyOf("node-2"), "True");
}

TEST_F(ControllerLoopTest, AConflictDoesNotForgetThePodsOfALostNode) {
  CreateDaemonSet();
  Settle();
  RunPods();
  Settle();
  BreakStream("node-1");
  clock_.Advance(3s);
  // Somebody else is quicker, at both tries.
  for (int i = 0; i < 2; ++i) {
    store_.FailNextTransact(absl::AbortedError("changed meanwhile"));
    loop_->Step();
    EXPECT_EQ(ReadyOf("node-1"), "True");
    clock_.Advance(1s);
  }
  Pass(1s);
  EXPECT_EQ(ReadyOf("node-1"), "Unknown");
  EXPECT_THAT(ReadyPodsOn(), UnorderedElementsAre("node-2", "node-3"));
}

// Spec: 11.2/all-silent
TEST_F(ControllerLoopTest, WhenAllAreSilentNobodyIsDrivenOutAndAllGetTimeToReturn) {
  Settle();
  for (const char* node : {"node-1", "node-2", "node-3"}) {
    FallSilent(node);
    Pass(1s);
  }
  Pass(10s);
  for (const char* node : {"node-1", "node-2", "node-3"}) {
    EXPECT_TRUE(HasTaint(node, "unreachable", "NoSchedule")) << node;
    EXPECT_FALSE(HasTaint(node, "unreachable", "NoExecute")) << node;
  }
  Return("node-1");
  Pass(40s - 1ms);
  EXPECT_FALSE(HasTaint("node-1", "unreachable", "NoSchedule"));
  EXPECT_FALSE(HasTaint("node-2", "unreachable", "NoExecute"));
  Pass(1ms);
  EXPECT_TRUE(HasTaint("node-2", "unreachable", "NoExecute"));
}

TEST_F(ControllerLoopTest, ACoordinatorThatCouldNotHearGivesEveryNodeItsTimeAgain) {
  Pass(1min);
  FallSilent("node-1");
  Pass(1s);
  clock_.Advance(30s);  // It was stopped, and not called when it asked for it.
  Settle();
  EXPECT_EQ(ReadyOf("node-1"), "True");
  Pass(40s - 1ms);
  EXPECT_EQ(ReadyOf("node-1"), "True");
  Pass(1ms);
  EXPECT_EQ(ReadyOf("node-1"), "Unknown");
}

// Spec: 1.4/not-in-template
TEST_F(ControllerLoopTest, TolerationsOfDaemonPodsAreOnPodsAloneAndNotInTheHash) {
  const v1::Object admitted = Admit(
                                  [] {
                                    v1::Object object;
                                    *object.mutable_daemon_set() = DaemonSetNamed("web");
                                    return object;
                                  }(),
                                  nullptr, clock_.Wall())
                                  .object;
  Create(admitted);
  Settle();
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    EXPECT_EQ(pod.pod().spec().tolerations_size(), 6);
  }
  EXPECT_EQ(DaemonSet().daemon_set().spec().template_().spec().tolerations_size(), 0);
  ASSERT_THAT(List(v1::Object::kControllerRevision), SizeIs(1));
  const v1::ControllerRevision revision =
      List(v1::Object::kControllerRevision)[0].controller_revision();
  EXPECT_EQ(TemplateOf(revision)->spec().tolerations_size(), 0);
  // The hash is that of the template as it is stored.
  EXPECT_EQ(HashOf(revision), PlanRevisions({admitted.daemon_set(), {}, {}}).current_hash);
}

// Spec: 12.7/failed-delete, 12.7/failed-create
TEST_F(ControllerLoopTest, WhatCouldNotBeWrittenIsToldWhenTheStoreIsBack) {
  CreateDaemonSet();
  store_.FailNextTransact(absl::ResourceExhaustedError("the disk is full"));
  Pass(1s);
  EXPECT_THAT(MessagesOf("FailedCreate"), ElementsAre("web: Error creating: the disk is full"));
  EXPECT_THAT(Bound(), SizeIs(3));
  EXPECT_THAT(MessagesOf("FailedDelete"), IsEmpty());
  v1::Object suspended = DaemonSet();
  (*suspended.mutable_daemon_set()
        ->mutable_metadata()
        ->mutable_annotations())["muster.dev/suspend"] = "true";
  Update(std::move(suspended));
  store_.FailNextTransact(absl::ResourceExhaustedError("the disk is full"));
  Pass(1s);
  EXPECT_THAT(MessagesOf("FailedDelete"), ElementsAre("web: Error deleting: the disk is full"));
  EXPECT_THAT(Bound(), IsEmpty());
  // A conflict is nothing to tell.
  EXPECT_THAT(MessagesOf("FailedCreate"), SizeIs(1));
}

TEST_F(ControllerLoopTest, AnEditDoesNotWaitForARetryOfWhatWasBefore) {
  CreateDaemonSet();
  store_.FailNextTransact(absl::UnavailableError("the disk is away"));
  for (int i = 0; i < 14; ++i) store_.FailNextTransact(absl::UnavailableError("still"));
  Pass(1min);
  ASSERT_THAT(Bound(), IsEmpty()) << "the next try is later than this";
  store_.DropFaults();
  v1::Object edited = DaemonSet();
  edited.mutable_daemon_set()->mutable_metadata()->set_generation(2);
  Update(edited);
  Settle();
  EXPECT_EQ(Bound().size(), 3u);
}

TEST_F(ControllerLoopTest, DaemonSetsThatChangeTogetherAreWrittenTogether) {
  for (const char* name : {"web", "log", "net"}) {
    v1::Object object;
    *object.mutable_daemon_set() = DaemonSetNamed(name);
    Create(std::move(object));
  }
  store_.Deliver();
  const int64_t before = Revision();
  loop_->Step();
  EXPECT_EQ(Revision(), before + 1);
  EXPECT_EQ(Bound().size(), 9u);
}

TEST_F(ControllerLoopTest, ACommitWhoseAnswerWasLostIsNotMadeTwice) {
  CreateDaemonSet();
  Pass(0s);
  Delete(v1::Object::kDaemonSet, "default", "web");
  Settle();
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    Delete(v1::Object::kPod, "default", pod.pod().metadata().name());
  }
  CreateDaemonSet();
  store_.Deliver();
  store_.InjectFault({.status = absl::UnavailableError("timed out"), .committed = true});
  loop_->Step();
  EXPECT_EQ(Bound().size(), 3u);
  clock_.Advance(1s);
  loop_->Step();  // The watch is slow.
  Pass(1min);
  EXPECT_EQ(Bound().size(), 3u);
  EXPECT_THAT(Bound(true), IsEmpty());
}

}  // namespace
}  // namespace muster::coordinator
