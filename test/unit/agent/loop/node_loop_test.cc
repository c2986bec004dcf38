#include "agent/loop/node_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class NodeLoopTest : public testing::Test {
 protected:
  // One pod "web" (uid u1) that runs.
  void RunWeb() {
    node_.Settle();
    node_.Welcome({PodObject("web", "u1")});
    node_.Run(seconds(1));
    ASSERT_EQ(node_.runtime.running_containers(), 1);
  }
  std::string Web() const { return node_.runtime.FindContainer("u1", "web"); }
  const v1::ContainerStatus WebStatus() const { return node_.Status("u1").container_statuses(0); }
  std::vector<std::string> Stops() const {
    std::vector<std::string> stops;
    for (const std::string& line : node_.runtime.journal()) {
      if (line.starts_with("StopContainer") || line.starts_with("StopSandbox") ||
          line.starts_with("Remove")) {
        stops.push_back(line);
      }
    }
    return stops;
  }

  NodeHarness node_;
};

// Spec: pod/4.5/link
TEST_F(NodeLoopTest, AssignedPodIsRunAndReported) {
  RunWeb();
  const v1::PodStatus status = node_.Status("u1");
  EXPECT_EQ(status.phase(), "Running");
  EXPECT_TRUE(WebStatus().ready());
  EXPECT_EQ(WebStatus().container_id(), "containerd://" + Web());
  EXPECT_FALSE(status.pod_ip().empty());
  EXPECT_EQ(status.host_ip(), "192.0.2.1");
  EXPECT_THAT(node_.Events(), ElementsAre("Pulling", "Pulled", "Created", "Started"));
  EXPECT_EQ(node_.link->events()[0].involved_object().field_path(), "spec.containers{web}");
  EXPECT_EQ(node_.link->events()[0].source().host(), "node-a");
  EXPECT_EQ(node_.logs.links.size(), 1u);
  const SandboxConfig* sandbox = node_.runtime.sandbox_config(node_.runtime.sandboxes()[0].id);
  EXPECT_EQ(sandbox->labels.at(kLabelNodeUid), "node-uid-1");
  EXPECT_EQ(node_.runtime.container_config(Web())->labels.at(kLabelNodeUid), "node-uid-1");
}

TEST_F(NodeLoopTest, AssignmentIsOnDiskBeforeAnythingIsBegun) {
  node_.Settle();
  node_.disk->fail = absl::ResourceExhaustedError("no space left on device");
  // The node's identity comes first; it cannot be saved either.
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(20));
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
  node_.disk->fail = absl::OkStatus();
  node_.Run(seconds(60));
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(10));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// Spec: pod/22/conditions
TEST_F(NodeLoopTest, FullDiskIsToldAndTheAssignmentTakenWhenThereIsRoom) {
  RunWeb();
  node_.disk->fail = absl::ResourceExhaustedError("no space left on device");
  node_.Assign({PodObject("other", "u2")});
  node_.Run(seconds(2));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  const v1::NodeCondition& ready = node_.link->node_statuses().back().conditions(3);
  EXPECT_EQ(ready.type(), "Ready");
  EXPECT_EQ(ready.status(), "False");
  EXPECT_THAT(ready.message(), HasSubstr("no space left on device"));
  node_.disk->fail = absl::OkStatus();
  node_.Run(seconds(6));
  EXPECT_EQ(node_.runtime.running_containers(), 2);
  EXPECT_EQ(node_.link->node_statuses().back().conditions(3).status(), "True");
}

// Spec: pod/11.3/count-recovered, pod/23/adopt
TEST_F(NodeLoopTest, KilledAgentLeavesEverythingAsItIsAndAdoptsIt) {
  RunWeb();
  const std::string container = Web();
  const v1::PodStatus before = node_.Status("u1");
  for (int i = 0; i < 20; ++i) {
    node_.Run(seconds(7));
    node_.runtime.ClearJournal();
    node_.RestartAgent();
    node_.Run(seconds(2));
    EXPECT_THAT(Stops(), IsEmpty());
    node_.Welcome({});
    EXPECT_EQ(Web(), container);
    EXPECT_EQ(node_.Status("u1").SerializeAsString(), before.SerializeAsString()) << i;
  }
  EXPECT_EQ(node_.runtime.containers().size(), 1u);
  EXPECT_EQ(node_.runtime.sandboxes().size(), 1u);
}

// Spec: pod/23/unfinished
TEST_F(NodeLoopTest, AgentKilledAtAnyStepEndsWithOneRunningContainer) {
  for (int steps = 0; steps < 40; ++steps) {
    NodeHarness node;
    node.Settle();
    LinkWelcome welcome;
    welcome.node.mutable_metadata()->set_uid("node-uid-1");
    node.link->Deliver(welcome);
    node.link->Deliver(LinkAssignment{{PodObject("web", "u1")}, {}, true, 1});
    for (int i = 0; i < steps; ++i) {
      node.loop->Step();
      node.runtime.RunPending();
    }
    node.RestartAgent();
    node.Settle();
    node.Welcome({PodObject("web", "u1")});
    node.Run(seconds(60));
    EXPECT_EQ(node.runtime.running_containers(), 1) << steps;
    EXPECT_EQ(node.Status("u1").phase(), "Running") << steps;
  }
}

// Spec: pod/6/in-memory, pod/22/heartbeat-lost
TEST_F(NodeLoopTest, WithoutTheCoordinatorPodsKeepBeingRestarted) {
  RunWeb();
  node_.refuse_connects = true;
  node_.RestartAgent();
  node_.Run(seconds(2));
  ASSERT_TRUE(node_.runtime.ExitContainer(Web(), 1));
  node_.Run(seconds(3));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// Spec: pod/23/reboot
TEST_F(NodeLoopTest, RebootedHostStartsItsPodsFromDisk) {
  RunWeb();
  node_.KillAgent();
  node_.runtime.Reboot();
  node_.host.facts.boot_id = "boot-2";
  node_.refuse_connects = true;
  node_.StartAgent();
  node_.Run(seconds(5));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  EXPECT_EQ(node_.runtime.container_config(Web())->attempt, 1u);
}

// Spec: pod/4.6/terminated, pod/10/grace, pod/10/cleanup, pod/17.2/removed, pod/28/exits
TEST_F(NodeLoopTest, DeletedPodIsStoppedWithItsGraceRemovedAndReportedGone) {
  RunWeb();
  node_.runtime.InstallProgram("serve", {});
  node_.Assign({Deleted(PodObject("web", "u1", 2), 10)});
  node_.Run(seconds(1));
  EXPECT_THAT(Stops(), Contains(HasSubstr("10s")));
  node_.Run(seconds(20));
  EXPECT_THAT(node_.runtime.containers(), IsEmpty());
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
  EXPECT_THAT(node_.volumes.pods, IsEmpty());
  EXPECT_THAT(node_.logs.directories, IsEmpty());
  EXPECT_THAT(node_.host.removed_groups, Contains("/kubepods/besteffort/podu1"));
  const PodReport* last = node_.link->LastReport("u1");
  ASSERT_NE(last, nullptr);
  EXPECT_TRUE(last->gone);
  EXPECT_EQ(last->status.container_statuses(0).state().terminated().exit_code(), 143);
  EXPECT_EQ(last->status.phase(), "Failed");
  EXPECT_THAT(node_.Events(), Contains("Killing"));
  node_.Assign({}, {"pods/ns/web"});
  node_.Run(seconds(5));
}

// Whoever starts the unit is not kept waiting for a runtime that is not there.
TEST_F(NodeLoopTest, ItIsReadyAfterTheFirstLookAtTheRuntimeWhateverCameOfIt) {
  EXPECT_FALSE(node_.loop->ready());
  node_.Settle();
  EXPECT_TRUE(node_.loop->ready());
  node_.KillAgent();
  node_.runtime.set_available(false);
  node_.StartAgent();
  EXPECT_FALSE(node_.loop->ready());
  node_.Settle();
  EXPECT_TRUE(node_.loop->ready());
  EXPECT_THAT(node_.loop->StatusLine(), HasSubstr("runtime: "));
}

TEST_F(NodeLoopTest, TheGateWaitsForThePodsThatHaveIt) {
  using Waits = std::vector<std::string>;
  const auto gate = [](v1::Object object, const std::string& value) {
    (*object.mutable_pod()->mutable_metadata()->mutable_annotations())[kGateAnnotation] = value;
    return object;
  };
  node_.Settle();
  EXPECT_EQ(node_.loop->GateWaits(), std::nullopt);  // It may have been given pods.
  v1::Object broken = gate(PodObject("db", "u2"), "true");
  broken.mutable_pod()->mutable_spec()->mutable_containers(0)->set_image("no-such-image");
  node_.Welcome({PodObject("web", "u1"), broken, gate(PodObject("log", "u3"), "true"),
                 gate(PodObject("not", "u4"), "false")});
  node_.Run(seconds(2));
  EXPECT_EQ(node_.loop->GateWaits(), Waits{"ns/db"});
  // What an agent without a coordinator finds on its disk counts.
  node_.KillAgent();
  node_.refuse_connects = true;
  node_.StartAgent();
  EXPECT_NE(node_.loop->GateWaits(), Waits{});
  node_.Run(seconds(2));
  EXPECT_EQ(node_.loop->GateWaits(), Waits{"ns/db"});
  node_.link->AcceptConnects();
  node_.Run(seconds(60));
  node_.Welcome({}, {"pods/ns/db"});
  EXPECT_EQ(node_.loop->GateWaits(), Waits{});
}

TEST_F(NodeLoopTest, GoneIsToldAgainInTheNextSession) {
  RunWeb();
  node_.Assign({Deleted(PodObject("web", "u1", 2), 1)});
  node_.link->Break(absl::UnavailableError("reset"));
  node_.Run(seconds(60));
  node_.Welcome({});
  ASSERT_NE(node_.link->LastReport("u1"), nullptr);
  EXPECT_TRUE(node_.link->LastReport("u1")->gone);
}

TEST_F(NodeLoopTest, PodThatIsNoLongerAssignedIsTakenDown) {
  RunWeb();
  node_.Assign({}, {"pods/ns/web"});
  node_.Run(seconds(40));
  EXPECT_THAT(node_.runtime.containers(), IsEmpty());
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
}

// Spec: pod/18/not-before-the-set, pod/23/orphans, pod/28/missing-information
TEST_F(NodeLoopTest, OrphanIsTakenDownOnlyWhenTheSetIsConfirmed) {
  RunWeb();
  node_.KillAgent();
  node_.disk->damaged = true;
  node_.refuse_connects = true;
  node_.StartAgent();
  node_.runtime.ClearJournal();
  node_.Run(seconds(300));
  EXPECT_THAT(Stops(), IsEmpty());
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  // The coordinator is back and says that there is nothing.
  node_.link->AcceptConnects();
  for (int i = 0; i < 60 && !node_.link->connected(); ++i) node_.Run(seconds(1));
  node_.Welcome({});
  node_.Run(seconds(60));
  EXPECT_THAT(node_.runtime.containers(), IsEmpty());
}

// Spec: pod/23/checkpoint-damaged
TEST_F(NodeLoopTest, DamagedCheckpointAndTheSamePodsFromTheCoordinatorStopNothing) {
  RunWeb();
  const std::string container = Web();
  node_.KillAgent();
  node_.disk->damaged = true;
  node_.StartAgent();
  node_.runtime.ClearJournal();
  node_.Run(seconds(10));
  EXPECT_THAT(node_.link->hello().known, IsEmpty());
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(60));
  EXPECT_THAT(Stops(), IsEmpty());
  EXPECT_EQ(Web(), container);
}

// Spec: pod/1/relist, pod/28/missing-information
TEST_F(NodeLoopTest, RuntimeThatIsAwayStopsNothingAndMakesTheNodeNotReadyAfterAWhile) {
  RunWeb();
  const std::string container = Web();
  node_.runtime.ClearJournal();
  node_.link->ClearSent();
  node_.runtime.set_available(false);
  node_.Run(seconds(29));
  EXPECT_EQ(node_.link->node_statuses().size(), 0u);
  node_.Run(seconds(3));
  ASSERT_EQ(node_.link->node_statuses().size(), 1u);
  EXPECT_EQ(node_.link->node_statuses()[0].conditions(3).status(), "False");
  EXPECT_THAT(node_.link->pod_reports(), IsEmpty());
  node_.runtime.set_available(true);
  node_.Run(seconds(5));
  EXPECT_EQ(node_.link->node_statuses().back().conditions(3).status(), "True");
  EXPECT_EQ(Web(), container);
  EXPECT_THAT(Stops(), IsEmpty());
}

// Spec: pod/5/marked-only, pod/12/mark, pod/28/mark
TEST_F(NodeLoopTest, ObjectsWithoutOurMarkAreNeverTouched) {
  SandboxConfig foreign;
  foreign.name = "theirs";
  foreign.namespace_ = "kube-system";
  foreign.uid = "u9";
  foreign.labels = {{kLabelPodUid, "u9"}, {kLabelPodName, "theirs"}};
  std::string unmarked, other_node;
  node_.runtime.RunSandbox(foreign, [&](auto id) { unmarked = *id; });
  foreign.uid = "u8";
  foreign.labels[kLabelPodUid] = "u8";
  foreign.labels[kLabelNodeUid] = "another node";
  node_.runtime.RunSandbox(foreign, [&](auto id) { other_node = *id; });
  RunWeb();
  node_.Assign({}, {"pods/ns/web"});
  node_.Run(seconds(60));
  EXPECT_EQ(node_.runtime.sandboxes().size(), 2u);
  for (const std::string& line : Stops()) {
    EXPECT_THAT(line, Not(HasSubstr(unmarked)));
    EXPECT_THAT(line, Not(HasSubstr(other_node)));
  }
}

// Spec: pod/6/curve
TEST_F(NodeLoopTest, CrashingContainerIsRestartedWithBackOff) {
  node_.runtime.InstallProgram("serve", {.runs_for = Duration(0), .exit_code = 3});
  node_.Settle();
  node_.Welcome({PodObject("web", "u1")});
  // Kubernetes: starts at 0, 0, 10, 30 and 70 s.
  node_.Run(seconds(5));
  EXPECT_EQ(WebStatus().restart_count(), 1);
  EXPECT_EQ(WebStatus().state().waiting().reason(), "CrashLoopBackOff");
  EXPECT_THAT(WebStatus().state().waiting().message(), HasSubstr("back-off 10s restarting failed"));
  EXPECT_EQ(WebStatus().last_state().terminated().exit_code(), 3);
  EXPECT_EQ(node_.Status("u1").phase(), "Running");
  node_.Run(seconds(8));
  EXPECT_EQ(WebStatus().restart_count(), 2);
  EXPECT_THAT(WebStatus().state().waiting().message(), HasSubstr("back-off 20s"));
  node_.Run(seconds(22));
  EXPECT_EQ(WebStatus().restart_count(), 3);
  node_.Run(seconds(43));
  EXPECT_EQ(WebStatus().restart_count(), 4);
  EXPECT_THAT(node_.Events(), Contains("BackOff"));
  // One dead instance is kept.
  EXPECT_EQ(node_.runtime.containers().size(), 1u);
}

// Spec: pod/7/pull-error
TEST_F(NodeLoopTest, MissingImageIsReportedAndTheContainerStartsWhenItAppears) {
  v1::Object pod = PodObject("web", "u1");
  pod.mutable_pod()->mutable_spec()->mutable_containers(0)->set_image("late:1");
  node_.Settle();
  node_.Welcome({pod});
  node_.Run(seconds(1));
  EXPECT_EQ(WebStatus().state().waiting().reason(), "ErrImagePull");
  EXPECT_EQ(node_.Status("u1").phase(), "Pending");
  node_.Run(seconds(4));
  EXPECT_EQ(WebStatus().state().waiting().reason(), "ImagePullBackOff");
  EXPECT_THAT(node_.Events(), Contains("Failed"));
  EXPECT_THAT(node_.Events(), Contains("BackOff"));
  node_.runtime.AddToRegistry("late:1");
  node_.Run(seconds(6));
  EXPECT_TRUE(WebStatus().state().has_running());
}

// Spec: pod/4.5/start
TEST_F(NodeLoopTest, BinaryThatIsMissingShowsTheRuntimesError) {
  node_.runtime.InstallProgram("serve", {.start_error = "exec: \"/nope\": no such file"});
  node_.Settle();
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(1));
  EXPECT_EQ(WebStatus().state().waiting().reason(), "RunContainerError");
  EXPECT_THAT(WebStatus().state().waiting().message(), HasSubstr("/nope"));
  EXPECT_EQ(WebStatus().last_state().terminated().exit_code(), 128);
  node_.Run(seconds(4));
  EXPECT_EQ(WebStatus().state().waiting().reason(), "CrashLoopBackOff");
}

// Spec: pod/4.1/volumes-first, pod/14.3/missing
TEST_F(NodeLoopTest, MissingConfigMapHoldsThePodUntilItComes) {
  v1::Object pod = PodObject("web", "u1");
  v1::Volume& volume = *pod.mutable_pod()->mutable_spec()->add_volumes();
  volume.set_name("settings");
  volume.mutable_config_map()->set_name("settings");
  node_.Settle();
  node_.Welcome({pod});
  node_.Run(seconds(2));
  EXPECT_EQ(WebStatus().state().waiting().reason(), "ContainerCreating");
  EXPECT_THAT(node_.Events(), Contains("FailedMount"));
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
  node_.Assign({ConfigMapObject("settings", 2)});
  node_.Run(milliseconds(100));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  // A new version is brought to the running pod.
  const int prepares = node_.volumes.prepares;
  node_.Assign({ConfigMapObject("settings", 3)});
  node_.Run(seconds(2));
  EXPECT_EQ(node_.volumes.prepares, prepares + 1);
  EXPECT_EQ(WebStatus().restart_count(), 0);
}

// Spec: pod/4.2/newest-not-ready, pod/4.2/counts-go-on
TEST_F(NodeLoopTest, KilledSandboxIsReplacedAndTheRestartCountGoesOn) {
  RunWeb();
  node_.runtime.KillSandbox(node_.runtime.sandboxes()[0].id);
  node_.Run(seconds(60));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  EXPECT_EQ(WebStatus().restart_count(), 1);
  EXPECT_EQ(node_.Status("u1").phase(), "Running");
}

// The clock of the host was wrong and is set right: what is made from now on seems older than what
// was made before.
// Spec: pod/4.2/newest-not-ready, pod/4.3/ended
TEST_F(NodeLoopTest, AClockThatIsSetBackDoesNotMakeTheOldOnesTheNewest) {
  RunWeb();
  node_.clock.JumpWall(-std::chrono::hours(5));
  ASSERT_TRUE(node_.runtime.ExitContainer(Web(), 1));
  node_.Run(seconds(5));
  EXPECT_TRUE(WebStatus().state().has_running());
  EXPECT_EQ(WebStatus().restart_count(), 1);
  EXPECT_TRUE(WebStatus().ready());
  EXPECT_EQ(WebStatus().last_state().terminated().exit_code(), 1);

  node_.clock.JumpWall(-std::chrono::hours(5));
  node_.runtime.ClearJournal();
  node_.runtime.KillSandbox(node_.runtime.sandboxes()[0].id);
  node_.Run(seconds(300));
  const auto sandboxes_made =
      std::ranges::count_if(node_.runtime.journal(),
                            [](const std::string& call) { return call.starts_with("RunSandbox"); });
  EXPECT_EQ(sandboxes_made, 1);
  EXPECT_EQ(WebStatus().restart_count(), 2);
  EXPECT_TRUE(WebStatus().ready());
}

// Spec: pod/4.6/same-name
TEST_F(NodeLoopTest, PodOfTheSameNameWaitsForTheOldOneToGo) {
  RunWeb();
  node_.runtime.InstallProgram("serve", {.on_term = std::nullopt});
  ASSERT_TRUE(node_.runtime.ExitContainer(Web(), 0));
  node_.Run(seconds(2));
  node_.Assign({PodObject("web", "u2")});
  node_.Run(seconds(10));
  EXPECT_EQ(node_.runtime.FindContainer("u2", "web"), "");
  node_.Run(seconds(30));
  EXPECT_EQ(node_.runtime.FindContainer("u1", "web"), "");
  EXPECT_NE(node_.runtime.FindContainer("u2", "web"), "");
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// Spec: pod/3/host-port, pod/3/no-room-for-a-failed-pod, pod/11.1/explicit
TEST_F(NodeLoopTest, TakenHostPortFailsThePod) {
  v1::Object first = PodObject("web", "u1"), second = PodObject("other", "u2");
  for (v1::Object* pod : {&first, &second}) {
    v1::ContainerPort& port =
        *pod->mutable_pod()->mutable_spec()->mutable_containers(0)->add_ports();
    port.set_container_port(80);
    port.set_host_port(8080);
  }
  node_.Settle();
  node_.Welcome({first});
  node_.Run(seconds(1));
  node_.Assign({second});
  node_.Run(seconds(1));
  EXPECT_EQ(node_.Status("u2").phase(), "Failed");
  EXPECT_EQ(node_.Status("u2").reason(), "NodePorts");
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  // Nobody asked for its deletion, so the object stays until its controller has seen it.
  EXPECT_FALSE(node_.link->LastReport("u2")->gone);
}

TEST_F(NodeLoopTest, RemovedNodeStopsItsPodsAndForgetsThem) {
  RunWeb();
  node_.link->Deliver(LinkNodeRemoved{});
  node_.Run(seconds(40));
  EXPECT_THAT(node_.runtime.containers(), IsEmpty());
  EXPECT_THAT(node_.disk->synced.objects, IsEmpty());
  // It is told so in every session; once is enough.
  const int writes = node_.disk->writes;
  node_.link->Deliver(LinkNodeRemoved{});
  node_.Settle();
  EXPECT_EQ(node_.disk->writes, writes);
  // It is the same machine under a new name to the coordinator.
  node_.link->Break(absl::UnavailableError("bye"));
  node_.Run(seconds(5));
  EXPECT_THAT(node_.link->hello().known, IsEmpty());
  node_.Welcome({PodObject("web", "u5")}, {}, "node-uid-2");
  node_.Run(seconds(2));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

TEST_F(NodeLoopTest, PodsOfAFormerLifeOfTheNodeAreTakenDown) {
  RunWeb();
  node_.RestartAgent();
  node_.Run(seconds(1));
  node_.Welcome({PodObject("web", "u5")}, {"pods/ns/web"}, "node-uid-2");
  node_.Run(seconds(40));
  EXPECT_EQ(node_.runtime.FindContainer("u1", "web"), "");
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// Spec: 11.1/lease, 11.1/status-report
// Spec: pod/1/heartbeat
TEST_F(NodeLoopTest, NothingIsWrittenOrSentWhileNothingChanges) {
  RunWeb();
  // The image that was pulled is told of ten seconds later.
  node_.Run(seconds(15));
  const int writes = node_.disk->writes;
  node_.link->ClearSent();
  node_.Run(seconds(250));
  EXPECT_EQ(node_.disk->writes, writes);
  EXPECT_THAT(node_.link->pod_reports(), IsEmpty());
  EXPECT_THAT(node_.link->node_statuses(), IsEmpty());
  EXPECT_THAT(node_.link->events(), IsEmpty());
  EXPECT_EQ(node_.link->heartbeats(), 25);
  node_.Run(seconds(60));
  EXPECT_EQ(node_.link->node_statuses().size(), 1u);
}

// Spec: 11.1/status-report
TEST_F(NodeLoopTest, AHostThatHasChangedIsReportedOnce) {
  RunWeb();
  node_.Run(seconds(15));
  node_.link->ClearSent();
  node_.host.facts.kernel_version = "7.0.0";
  node_.Run(seconds(61));
  ASSERT_EQ(node_.link->node_statuses().size(), 1u);
  EXPECT_EQ(node_.link->node_statuses()[0].node_info().kernel_version(), "7.0.0");
}

TEST_F(NodeLoopTest, StatusThatComesBackFromTheCoordinatorIsNotWritten) {
  RunWeb();
  const int writes = node_.disk->writes;
  v1::Object echoed = PodObject("web", "u1", 7);
  *echoed.mutable_pod()->mutable_status() = node_.Status("u1");
  node_.Assign({echoed});
  EXPECT_EQ(node_.disk->writes, writes);
  node_.link->Break(absl::UnavailableError("reset"));
  node_.Run(seconds(2));
  EXPECT_EQ(node_.link->hello().known.at("pods/ns/web"), 7);
}

TEST_F(NodeLoopTest, ReconnectsAfterABreakAndTellsEverythingAgain) {
  RunWeb();
  node_.link->Break(absl::UnavailableError("reset"));
  node_.Run(milliseconds(501));
  EXPECT_TRUE(node_.link->connected());
  EXPECT_EQ(node_.link->hello().known.at("pods/ns/web"), 1);
  EXPECT_THAT(node_.link->pod_reports(), IsEmpty());
  node_.Welcome({});
  EXPECT_EQ(node_.Status("u1").phase(), "Running");
}

TEST_F(NodeLoopTest, AfterALongOutageABreakIsRepairedQuicklyAgain) {
  node_.refuse_connects = true;
  node_.RestartAgent();
  node_.Run(seconds(600));
  node_.link->AcceptConnects();
  for (int i = 0; i < 31 && !node_.link->connected(); ++i) node_.Run(seconds(1));
  node_.Welcome({});
  node_.link->Break(absl::UnavailableError("reset"));
  node_.Run(milliseconds(501));
  EXPECT_TRUE(node_.link->connected());
}

// The next hello does not know it, so the coordinator says what of it still holds.
TEST_F(NodeLoopTest, UnsavedAssignmentOfALostSessionIsForgotten) {
  RunWeb();
  node_.disk->fail = absl::ResourceExhaustedError("no space left on device");
  node_.Assign({PodObject("other", "u2")});
  node_.link->Break(absl::UnavailableError("reset"));
  node_.Run(seconds(1));
  EXPECT_FALSE(node_.link->hello().known.contains("pods/ns/other"));
  node_.disk->fail = absl::OkStatus();
  node_.Welcome({});
  node_.Run(seconds(20));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

// The first list that shows the pod could not be read to its end: that is no sign of an empty node.
// Spec: pod/5/unread
TEST_F(NodeLoopTest, PodWhoseDetailsCannotBeReadIsLeftAlone) {
  RunWeb();
  for (const RuntimeCall call : {RuntimeCall::kContainerStatusOf, RuntimeCall::kSandboxStatusOf}) {
    node_.KillAgent();
    node_.runtime.FailNext(RuntimeCall::kListContainers, absl::UnknownError("busy"));
    node_.runtime.FailNext(call, absl::UnknownError("busy"), 5);
    node_.runtime.ClearJournal();
    node_.StartAgent();
    node_.Run(seconds(15));
    EXPECT_THAT(node_.runtime.journal(), Not(Contains(testing::StartsWith("RunSandbox"))));
    EXPECT_THAT(Stops(), IsEmpty());
    node_.Welcome({});
    EXPECT_EQ(node_.Status("u1").phase(), "Running");
  }
}

TEST_F(NodeLoopTest, UnreachableCoordinatorIsTriedEverMoreSeldom) {
  node_.refuse_connects = true;
  node_.RestartAgent();
  node_.Run(seconds(10));
  const int early = node_.link->connects();
  EXPECT_GE(early, 7) << "it may only be restarting";
  node_.Run(seconds(600));
  const int late = node_.link->connects() - early;
  EXPECT_GE(late, 600 / 30);
  EXPECT_LE(late, 600 / 5);
}

TEST_F(NodeLoopTest, SilentCoordinatorIsGivenUp) {
  node_.Settle();
  EXPECT_EQ(node_.link->connects(), 1);
  node_.Run(seconds(21));
  EXPECT_EQ(node_.link->connects(), 2);
}

TEST_F(NodeLoopTest, EventsOfALostSessionAreSentInTheNext) {
  RunWeb();
  node_.link->Break(absl::UnavailableError("reset"));
  ASSERT_TRUE(node_.runtime.ExitContainer(Web(), 1));
  node_.Run(seconds(3));
  node_.Welcome({});
  EXPECT_THAT(node_.Events(), Contains("Started"));
}

// Spec: pod/4.1/network-not-ready
TEST_F(NodeLoopTest, PodsWithoutNetworkWaitForIt) {
  RuntimeInfo info{.name = "containerd", .version = "1.6.20", .runtime_ready = true};
  info.network_message = "cni plugin not initialized";
  node_.runtime.set_info(info);
  node_.RestartAgent();
  node_.Settle();
  v1::Object host_pod = PodObject("cni", "u2");
  host_pod.mutable_pod()->mutable_spec()->set_host_network(true);
  node_.Welcome({PodObject("web", "u1"), host_pod});
  node_.Run(seconds(3));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  EXPECT_THAT(node_.Events(), Contains("NetworkNotReady"));
  info.network_ready = true;
  node_.runtime.set_info(info);
  node_.Run(seconds(3));
  EXPECT_EQ(node_.runtime.running_containers(), 2);
}

// Spec: pod/23/reserved
TEST_F(NodeLoopTest, ReservedSandboxNameIsGivenUpAfterAWhile) {
  node_.Settle();
  node_.runtime.FailNext(RuntimeCall::kRunSandbox,
                         absl::UnknownError("failed to reserve sandbox name \"web_ns_u1_0\": name "
                                            "\"web_ns_u1_0\" is reserved for \"abc\""),
                         3);
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(5));
  ASSERT_EQ(node_.runtime.sandboxes().size(), 1u);
  EXPECT_EQ(node_.runtime.sandboxes()[0].attempt, 1u);
  EXPECT_EQ(node_.runtime.running_containers(), 1);
}

TEST_F(NodeLoopTest, PullThatHangsDoesNotHoldUpDeletion) {
  node_.Settle();
  node_.runtime.Hold(RuntimeCall::kPullImage);
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(5));
  node_.Assign({Deleted(PodObject("web", "u1", 2), 30)});
  node_.Run(seconds(5));
  EXPECT_TRUE(node_.link->LastReport("u1")->gone);
  node_.Assign({}, {"pods/ns/web"});
  node_.runtime.Release(RuntimeCall::kPullImage);
  node_.Run(seconds(5));
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
}

// Spec: pod/11.4/file
TEST_F(NodeLoopTest, TerminationMessageIsReportedWithTheExit) {
  RunWeb();
  node_.volumes.termination_message = "out of cheese";
  ASSERT_TRUE(node_.runtime.ExitContainer(Web(), 1));
  node_.Run(seconds(2));
  EXPECT_EQ(WebStatus().last_state().terminated().message(), "out of cheese");
}

// Spec: pod/4.5/count
TEST_F(NodeLoopTest, LostContainersCountOnFromTheirLogs) {
  node_.logs.restarts = 4;
  node_.Settle();
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(1));
  EXPECT_EQ(WebStatus().restart_count(), 4);
}

// Spec: pod/1/housekeeping
TEST_F(NodeLoopTest, FilesOfPodsThatNobodyKnowsAreRemoved) {
  node_.volumes.pods = {"old-uid"};
  node_.Settle();
  node_.Run(seconds(5));
  EXPECT_THAT(node_.volumes.pods, Contains("old-uid"));  // The set is not confirmed yet.
  node_.Welcome({PodObject("web", "u1")});
  node_.Run(seconds(2));
  EXPECT_THAT(node_.volumes.pods, ElementsAre("u1"));
}

TEST_F(NodeLoopTest, TunnelsFindTheirContainer) {
  RunWeb();
  TunnelRequest request;
  request.tunnel_id = "t1";
  request.pod_uid = "u1";
  request.container = "web";
  node_.link->Deliver(request);
  request.tunnel_id = "t2";
  request.previous = true;
  node_.link->Deliver(request);
  request.pod_uid = "u7";
  node_.link->Deliver(request);
  node_.Settle();
  ASSERT_EQ(node_.tunnels.size(), 3u);
  ASSERT_TRUE(node_.tunnels[0].second.ok());
  EXPECT_EQ(node_.tunnels[0].second->container_id, Web());
  EXPECT_TRUE(node_.tunnels[0].second->running);
  EXPECT_THAT(std::string(node_.tunnels[1].second.status().message()),
              HasSubstr("previous terminated container \"web\" not found"));
  EXPECT_TRUE(absl::IsNotFound(node_.tunnels[2].second.status()));
}

TEST_F(NodeLoopTest, TunnelsFindThePodOrNeedNone) {
  RunWeb();
  TunnelRequest request;
  request.purpose = TunnelPurpose::kPortForward;
  request.pod_uid = "u1";
  node_.link->Deliver(request);
  request.pod_uid = "u7";
  node_.link->Deliver(request);
  request.purpose = TunnelPurpose::kStats;
  node_.link->Deliver(request);
  request.purpose = TunnelPurpose::kUnknown;
  node_.link->Deliver(request);
  node_.Settle();
  ASSERT_EQ(node_.tunnels.size(), 4u);
  ASSERT_TRUE(node_.tunnels[0].second.ok()) << node_.tunnels[0].second.status();
  EXPECT_NE(node_.tunnels[0].second->sandbox_id, "");
  EXPECT_TRUE(absl::IsNotFound(node_.tunnels[1].second.status()));
  EXPECT_TRUE(node_.tunnels[2].second.ok());
  EXPECT_TRUE(node_.tunnels[3].second.ok());
}

// Spec: pod/1/limits, pod/22/facts
TEST_F(NodeLoopTest, HelloTellsWhatTheNodeIs) {
  node_.Settle();
  const v1::NodeStatus& status = node_.link->hello().node_status;
  EXPECT_EQ(node_.link->hello().boot_id, "boot-1");
  EXPECT_EQ(status.capacity().at("cpu").text(), "4");
  EXPECT_EQ(status.capacity().at("memory").text(), "8388608Ki");
  EXPECT_EQ(status.capacity().at("pods").text(), "110");
  EXPECT_EQ(status.addresses(0).type(), "InternalIP");
  EXPECT_EQ(status.addresses(0).address(), "192.0.2.1");
  EXPECT_EQ(status.addresses(1).address(), "node-a");
  EXPECT_EQ(status.node_info().operating_system(), "linux");
}

// Or the coordinator would take the node, and its pods with it, for not ready at each restart.
TEST_F(NodeLoopTest, FirstWordsOfANewAgentAreAboutARuntimeThatItHasSeen) {
  RunWeb();
  node_.RestartAgent();
  node_.Settle();
  for (const v1::NodeCondition& condition : node_.link->hello().node_status.conditions()) {
    if (condition.type() != "Ready") continue;
    EXPECT_EQ(condition.status(), "True") << condition.message();
  }
  EXPECT_GT(node_.link->hello().node_status.conditions_size(), 0);
}

}  // namespace
}  // namespace muster::agent
