// DaemonJobs in the loop of the controllers: what is written when, and what a restart changes.

#include "common/model/daemon_job.h"
#include "test/unit/coordinator/controllers/loop_fixture.h"
#include "test/unit/coordinator/daemonjob/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

class DaemonJobKeepingTest : public ControllerLoopTest {
 protected:
  void CreateJob(const std::function<void(v1::DaemonJobSpec&)>& change = {},
                 const std::string& policy = "Never") {
    v1::Object object;
    *object.mutable_daemon_job() = JobNamed("once", policy);
    object.mutable_daemon_job()->mutable_metadata()->clear_uid();
    if (change) change(*object.mutable_daemon_job()->mutable_spec());
    Create(std::move(object));
    Pass(1s);
  }
  v1::DaemonJob Job() {
    return objects_.Get(v1::Object::kDaemonJob, "default", "once")->daemon_job();
  }
  bool HasJob() { return objects_.Get(v1::Object::kDaemonJob, "default", "once").ok(); }
  void Change(const std::function<void(v1::DaemonJob&)>& change) {
    v1::Object object = *objects_.Get(v1::Object::kDaemonJob, "default", "once");
    change(*object.mutable_daemon_job());
    v1::ObjectMeta& meta = *object.mutable_daemon_job()->mutable_metadata();
    meta.set_generation(meta.generation() + 1);
    Update(std::move(object));
    Pass(1s);
  }
  // As the admin API begins a deletion that does not go at once.
  void DeleteJobWith(const std::string& finalizer) {
    Change([&](v1::DaemonJob& job) {
      job.mutable_metadata()->add_finalizers(finalizer);
      *job.mutable_metadata()->mutable_deletion_timestamp() = FromWallTime(clock_.Wall());
    });
  }
  v1::Object PodOn(const std::string& node) {
    for (const v1::Object& pod : List(v1::Object::kPod)) {
      if (pod.pod().spec().node_name() == node && !PodFactsOf(pod.pod()).terminal()) return pod;
    }
    ADD_FAILURE() << "no pod on " << node;
    return v1::Object();
  }
  // The agent says how it ended. What it writes is what the session would: a pod that is held
  // stays.
  void EndOn(const std::string& node, int32_t exit_code) {
    v1::Object pod = PodOn(node);
    End(*pod.mutable_pod(), exit_code, clock_.Wall());
    Update(std::move(pod));
    Pass(1s);
  }
  void StopTerminating() {
    for (v1::Object& pod : List(v1::Object::kPod)) {
      if (!pod.pod().metadata().has_deletion_timestamp()) continue;
      if (pod.pod().metadata().finalizers().empty()) {
        Delete(v1::Object::kPod, "default", pod.pod().metadata().name());
      } else {
        Interrupt(*pod.mutable_pod());
        Update(std::move(pod));
      }
    }
    Pass(1s);
  }
};

TEST_F(DaemonJobKeepingTest, ItRunsOncePerNodeAndIsComplete) {
  CreateJob();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_EQ(Job().status().active(), 3);
  for (const char* node : {"node-1", "node-2", "node-3"}) EndOn(node, 0);
  EXPECT_EQ(Job().status().succeeded(), 3);
  EXPECT_EQ(ConditionOf(Job(), "Complete"), "True AllNodesSucceeded");
  EXPECT_THAT(EventsOf("Completed"), ElementsAre("DaemonJob"));
  EXPECT_THAT(EventsOf("SuccessfulCreate"), testing::SizeIs(3));
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    EXPECT_THAT(pod.pod().metadata().finalizers(), IsEmpty());
  }
  const int64_t settled = Revision();
  Pass(10min);
  EXPECT_EQ(Revision(), settled);
}

TEST_F(DaemonJobKeepingTest, NeitherDeletedPodsNorARestartMakeItRunAgain) {
  CreateJob();
  EndOn("node-1", 0);
  EndOn("node-2", 0);
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    if (PodFactsOf(pod.pod()).terminal()) {
      Delete(v1::Object::kPod, "default", pod.pod().metadata().name());
    }
  }
  Restart();
  Pass(1min);
  EXPECT_THAT(Bound(), ElementsAre("node-3"));
  EXPECT_EQ(Job().status().succeeded(), 2);
}

// The coordinator dies between the agent's word and its own look at it.
TEST_F(DaemonJobKeepingTest, AResultThatNobodyHasSeenIsCountedAfterTheRestart) {
  CreateJob();
  v1::Object pod = PodOn("node-2");
  End(*pod.mutable_pod(), 0, clock_.Wall());
  *pod.mutable_pod()->mutable_metadata()->mutable_deletion_timestamp() =
      FromWallTime(clock_.Wall());
  Update(std::move(pod));
  Restart();
  Pass(1s);
  EXPECT_EQ(Job().status().succeeded(), 1);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-3"));
  EXPECT_THAT(Bound(true), IsEmpty());
}

TEST_F(DaemonJobKeepingTest, ANodeThatJoinsLaterRunsItToo) {
  CreateJob();
  for (const char* node : {"node-1", "node-2", "node-3"}) EndOn(node, 0);
  AddNode("node-4");
  Pass(1s);
  EXPECT_EQ(Job().status().desired(), 4);
  EndOn("node-4", 0);
  EXPECT_EQ(ConditionOf(Job(), "Complete"), "True AllNodesSucceeded");
  Delete(v1::Object::kNode, "", "node-4");
  Pass(2min);
  EXPECT_EQ(Job().status().nodes_size(), 3);
  EXPECT_THAT(Bound(), testing::Not(Contains("node-4")));
}

TEST_F(DaemonJobKeepingTest, AFailingNodeIsTriedAgainAndGivenUp) {
  CreateJob([](v1::DaemonJobSpec& spec) { spec.set_backoff_limit(1); });
  EndOn("node-1", 3);
  EXPECT_EQ(Job().status().failed(), 0);
  Pass(10s);
  EndOn("node-1", 3);
  EXPECT_EQ(Job().status().failed(), 1);
  EXPECT_EQ(Job().status().nodes(0).exit_code(), 3);
  EXPECT_THAT(EventsOf("BackoffLimitExceeded"), ElementsAre("DaemonJob"));
  Restart();
  Pass(1h);
  EXPECT_THAT(Bound(), testing::SizeIs(4));  // Two that failed are there for their logs.
  EXPECT_EQ(Job().status().nodes(0).failures(), 2);
}

TEST_F(DaemonJobKeepingTest, APodThatKeepsRestartingIsStoppedAndCountedOnce) {
  CreateJob([](v1::DaemonJobSpec& spec) { spec.set_backoff_limit(0); }, "OnFailure");
  v1::Object pod = PodOn("node-1");
  v1::ContainerStatus& status = *pod.mutable_pod()->mutable_status()->add_container_statuses();
  status.set_name("main");
  status.mutable_state()->mutable_terminated()->set_exit_code(9);
  Update(std::move(pod));
  Pass(1s);
  EXPECT_EQ(Job().status().failed(), 1);
  EXPECT_THAT(Bound(true), ElementsAre("node-1"));
  Restart();
  StopTerminating();
  EXPECT_EQ(Job().status().failed(), 1);
  EXPECT_EQ(Job().status().nodes(0).failures(), 1);
  EXPECT_EQ(Job().status().nodes(0).exit_code(), 9);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-2", "node-3"));
}

TEST_F(DaemonJobKeepingTest, SuspendedItStopsAndResumedItGoesOn) {
  CreateJob();
  EndOn("node-1", 0);
  Change([](v1::DaemonJob& job) { job.mutable_spec()->set_suspend(true); });
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-2", "node-3"));
  StopTerminating();
  EXPECT_THAT(Bound(), ElementsAre("node-1"));
  EXPECT_EQ(ConditionOf(Job(), "Suspended"), "True JobSuspended");
  EXPECT_EQ(Job().status().active(), 0);
  Change([](v1::DaemonJob& job) { job.mutable_spec()->set_suspend(false); });
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  EXPECT_EQ(Job().status().succeeded(), 1);
}

TEST_F(DaemonJobKeepingTest, ItsTimeBeingOverItGoesWithItsPods) {
  CreateJob([](v1::DaemonJobSpec& spec) { spec.set_ttl_seconds_after_finished(60); });
  for (const char* node : {"node-1", "node-2", "node-3"}) EndOn(node, 0);
  Pass(50s);
  EXPECT_TRUE(HasJob());
  Pass(11s);
  EXPECT_FALSE(HasJob());
  EXPECT_THAT(List(v1::Object::kPod), IsEmpty());
}

TEST_F(DaemonJobKeepingTest, DeletedInTheBackgroundItsPodsFollow) {
  CreateJob();
  EndOn("node-1", 0);
  Delete(v1::Object::kDaemonJob, "default", "once");
  Pass(1s);
  EXPECT_THAT(Bound(), IsEmpty());
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-2", "node-3"));
  Restart();
  StopTerminating();
  EXPECT_THAT(List(v1::Object::kPod), IsEmpty());
}

// It was suspended, so its pods were on their way, and held, when it went.
TEST_F(DaemonJobKeepingTest, PodsThatWereBeingStoppedDoNotOutliveIt) {
  CreateJob();
  Change([](v1::DaemonJob& job) { job.mutable_spec()->set_suspend(true); });
  Delete(v1::Object::kDaemonJob, "default", "once");
  Pass(1s);
  StopTerminating();
  EXPECT_THAT(List(v1::Object::kPod), IsEmpty());
}

TEST_F(DaemonJobKeepingTest, DeletedInTheForegroundItWaitsForItsPods) {
  CreateJob();
  EndOn("node-1", 0);
  DeleteJobWith("foregroundDeletion");
  EXPECT_TRUE(HasJob());
  EXPECT_THAT(Bound(true), UnorderedElementsAre("node-2", "node-3"));
  StopTerminating();
  EXPECT_FALSE(HasJob());
  EXPECT_THAT(List(v1::Object::kPod), IsEmpty());
}

TEST_F(DaemonJobKeepingTest, DeletedAsAnOrphanageItLeavesItsPodsRunning) {
  CreateJob();
  DeleteJobWith("orphan");
  EXPECT_FALSE(HasJob());
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
  for (const v1::Object& pod : List(v1::Object::kPod)) {
    EXPECT_THAT(pod.pod().metadata().finalizers(), IsEmpty());
    EXPECT_THAT(pod.pod().metadata().owner_references(), IsEmpty());
  }
  Pass(1min);
  EXPECT_THAT(Bound(), testing::SizeIs(3));
}

TEST_F(DaemonJobKeepingTest, AnotherOneOfTheNameStartsAfresh) {
  CreateJob();
  for (const char* node : {"node-1", "node-2", "node-3"}) EndOn(node, 0);
  Delete(v1::Object::kDaemonJob, "default", "once");
  CreateJob();
  EXPECT_EQ(Job().status().succeeded(), 0);
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
}

TEST_F(DaemonJobKeepingTest, ARunThatDoesNotFitWaitsForRoom) {
  CreateDaemonSetOf("big", "8");
  Pass(1s);
  CreateJob([](v1::DaemonJobSpec& spec) {
    (*spec.mutable_template_()
          ->mutable_spec()
          ->mutable_containers(0)
          ->mutable_resources()
          ->mutable_requests())["cpu"]
        .set_text("1");
  });
  EXPECT_EQ(Job().status().active(), 3);
  EXPECT_THAT(EventsOf("FailedScheduling"), testing::SizeIs(3));
  Delete(v1::Object::kDaemonSet, "default", "big");
  Pass(1s);
  StopTerminating();
  EXPECT_THAT(Bound(), UnorderedElementsAre("node-1", "node-2", "node-3"));
}

// What the store could not write is decided again.
TEST_F(DaemonJobKeepingTest, ItIsTriedAgainWhenAClassIsMissing) {
  CreateJob([](v1::DaemonJobSpec& spec) {
    spec.mutable_template_()->mutable_spec()->set_priority_class_name("gold");
  });
  EXPECT_THAT(List(v1::Object::kPod), IsEmpty());
  EXPECT_THAT(EventsOf("FailedCreate"), ElementsAre("DaemonJob"));
  CreateClass("gold", 7);
  Pass(1min);
  EXPECT_THAT(Bound(), testing::SizeIs(3));
}

}  // namespace
}  // namespace muster::coordinator
