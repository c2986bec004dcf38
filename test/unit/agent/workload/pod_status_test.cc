#include "agent/workload/pod_status.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/workload/host_ports.h"
#include "test/unit/agent/workload/fixtures.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

class PodStatusTest : public testing::Test {
 protected:
  v1::PodStatus Make(const v1::PodStatus& previous = {}, bool terminating = false) {
    const std::map<std::string, std::string> messages{{"c9", "left behind"}};
    return MakePodStatus({.pod = pod_,
                          .observed = observed_,
                          .plan = plan_,
                          .terminating = terminating,
                          .host_ips = {"192.0.2.1"},
                          .start_time = kWall,
                          .runtime_name = "containerd",
                          .termination_messages = messages},
                         previous, kWall + seconds(100));
  }
  static const v1::PodCondition& Condition(const v1::PodStatus& status, const std::string& type) {
    for (const v1::PodCondition& condition : status.conditions()) {
      if (condition.type() == type) return condition;
    }
    ADD_FAILURE() << "no condition " << type;
    static const v1::PodCondition kNone;
    return kNone;
  }

  v1::Pod pod_ = MakePod({"web"});
  ObservedPod observed_ = WithSandbox();
  Plan plan_;
};

// Spec: pod/11.1/pending, pod/11.2/scheduled, pod/11.2/ready-to-start, pod/11.2/containers-ready
// Spec: pod/11.3/none-yet
TEST_F(PodStatusTest, NewPodIsPendingWithContainerCreating) {
  observed_.sandboxes.clear();
  const v1::PodStatus status = Make();
  EXPECT_EQ(status.phase(), "Pending");
  EXPECT_EQ(status.container_statuses(0).state().waiting().reason(), "ContainerCreating");
  EXPECT_EQ(status.host_ip(), "192.0.2.1");
  EXPECT_EQ(status.pod_ip(), "");
  EXPECT_EQ(status.qos_class(), "BestEffort");
  EXPECT_EQ(Condition(status, "Ready").status(), "False");
  EXPECT_EQ(Condition(status, "Ready").reason(), "ContainersNotReady");
  EXPECT_EQ(Condition(status, "Ready").message(), "containers with unready status: [web]");
  EXPECT_EQ(Condition(status, "PodScheduled").status(), "True");
  EXPECT_EQ(Condition(status, "PodReadyToStartContainers").status(), "False");
}

// Spec: pod/7/ids, pod/11.1/running, pod/11.2/ready, pod/11.3/running, pod/11.3/ids
TEST_F(PodStatusTest, RunningPodIsReadyWithItsAddressAndIds) {
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning, 3)};
  const v1::PodStatus status = Make();
  EXPECT_EQ(status.phase(), "Running");
  EXPECT_EQ(status.pod_ip(), "10.1.0.7");
  const v1::ContainerStatus& web = status.container_statuses(0);
  EXPECT_TRUE(web.ready());
  EXPECT_TRUE(web.started());
  EXPECT_EQ(web.restart_count(), 3);
  EXPECT_EQ(web.container_id(), "containerd://c0");
  EXPECT_EQ(web.image_id(), "sha256:1");
  EXPECT_EQ(web.state().running().started_at().seconds(), ToApiTime(kWall).seconds());
  EXPECT_EQ(Condition(status, "Ready").status(), "True");
}

// A new agent must not make it look as if readiness had just changed.
// Spec: pod/11.2/transition-time
TEST_F(PodStatusTest, WithoutMemoryConditionsHaveTheTimesOfWhatMadeThem) {
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  observed_.containers["web"].instances[0].status.started_at = kWall + seconds(7);
  const v1::PodStatus first = Make();
  EXPECT_EQ(Condition(first, "Ready").last_transition_time().seconds(),
            ToApiTime(kWall + seconds(7)).seconds());
  EXPECT_EQ(Make(first).SerializeAsString(), first.SerializeAsString());
}

TEST_F(PodStatusTest, HostNetworkPodHasTheNodesAddress) {
  pod_.mutable_spec()->set_host_network(true);
  observed_.sandboxes[0].status.ips.clear();
  EXPECT_EQ(Make().pod_ip(), "192.0.2.1");
}

// Spec: pod/4.2/address
TEST_F(PodStatusTest, SandboxThatIsNotReadyGivesNoAddress) {
  observed_.sandboxes[0].status.state = SandboxState::kNotReady;
  EXPECT_EQ(Make().pod_ip(), "");
}

// Kubernetes: the phase of a crash-looping daemon is Running.
// Spec: pod/6/shown, pod/11.1/running, pod/11.3/exited, pod/11.3/will-be-restarted
TEST_F(PodStatusTest, CrashLoopKeepsPhaseRunningAndShowsTheExitAsLastState) {
  observed_.containers["web"].instances = {Instance("c9", ContainerState::kExited, 2, 3)};
  plan_.waiting["web"] = {"CrashLoopBackOff", "back-off 10s ..."};
  const v1::PodStatus status = Make();
  EXPECT_EQ(status.phase(), "Running");
  const v1::ContainerStatus& web = status.container_statuses(0);
  EXPECT_EQ(web.state().waiting().reason(), "CrashLoopBackOff");
  EXPECT_EQ(web.last_state().terminated().exit_code(), 3);
  EXPECT_EQ(web.last_state().terminated().reason(), "Error");
  EXPECT_EQ(web.last_state().terminated().message(), "left behind");
  EXPECT_FALSE(web.ready());
}

// Spec: pod/11.4/share
TEST_F(PodStatusTest, ExitMessagesShareTwelveKibibytes) {
  for (const auto& [containers, length] : {std::pair{1, 12288}, {3, 4096}, {4, 3072}}) {
    pod_ = MakePod(std::vector<std::string>(containers, "web"));
    observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 1)};
    observed_.containers["web"].instances[0].status.message = std::string(20'000, 'x');
    EXPECT_EQ(Make().container_statuses(0).state().terminated().message().size(),
              static_cast<size_t>(length));
  }
}

// A message with other bytes is no message: the coordinator would end the session over it, and over
// the next one, which has it too.
// Spec: pod/11.4/share
TEST_F(PodStatusTest, WhatAContainerLeavesBehindCanAlwaysBeSent) {
  std::string cut_within_a_character;
  while (cut_within_a_character.size() < 20'000) cut_within_a_character += "x\u20ac\u20ac";
  for (const std::string& left : {std::string("\xff\xfe\0\x1b[31m", 8), cut_within_a_character,
                                  cut_within_a_character.substr(2)}) {
    observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 1)};
    const std::map<std::string, std::string> messages{{"c0", left}};
    const v1::PodStatus status = MakePodStatus({.pod = pod_,
                                                .observed = observed_,
                                                .plan = plan_,
                                                .start_time = kWall,
                                                .termination_messages = messages},
                                               {}, kWall);
    const std::string& said = status.container_statuses(0).state().terminated().message();
    EXPECT_FALSE(said.empty());
    EXPECT_LE(said.size(), 12288u);
    v1::PodStatus received;
    EXPECT_TRUE(received.ParseFromString(status.SerializeAsString()));
  }
}

// Spec: pod/11.3/last-state
TEST_F(PodStatusTest, RestartedContainerShowsTheExitBefore) {
  observed_.containers["web"].instances = {Instance("c1", ContainerState::kRunning, 1),
                                           Instance("c0", ContainerState::kExited, 0, 0)};
  const v1::ContainerStatus web = Make().container_statuses(0);
  EXPECT_TRUE(web.state().has_running());
  EXPECT_EQ(web.last_state().terminated().reason(), "Completed");
  EXPECT_EQ(web.last_state().terminated().container_id(), "containerd://c0");
}

// Spec: pod/11.1/pending
TEST_F(PodStatusTest, ImageErrorOfAPodThatNeverRanIsPending) {
  plan_.waiting["web"] = {"ErrImagePull", "not found"};
  const v1::PodStatus status = Make();
  EXPECT_EQ(status.phase(), "Pending");
  EXPECT_EQ(status.container_statuses(0).state().waiting().message(), "not found");
}

// Spec: pod/11.3/vanished
TEST_F(PodStatusTest, VanishedContainerIsReportedAsSuch) {
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning, 1)};
  const v1::PodStatus before = Make();
  observed_.containers["web"].instances.clear();
  const v1::ContainerStatus web = Make(before).container_statuses(0);
  EXPECT_EQ(web.last_state().terminated().exit_code(), 137);
  EXPECT_EQ(web.last_state().terminated().reason(), "ContainerStatusUnknown");
  EXPECT_EQ(web.restart_count(), 2);
}

// Spec: pod/11.1/pending, pod/11.2/initialized, pod/11.3/started-and-ready, pod/11.3/none-yet
TEST_F(PodStatusTest, InitContainersGateTheOthers) {
  pod_ = MakePod({"web"}, {"one", "two"});
  observed_.containers["one"].instances = {Instance("i1", ContainerState::kExited, 0, 0)};
  observed_.containers["two"].instances = {Instance("i2", ContainerState::kRunning)};
  v1::PodStatus status = Make();
  EXPECT_EQ(status.phase(), "Pending");
  EXPECT_EQ(status.container_statuses(0).state().waiting().reason(), "PodInitializing");
  EXPECT_TRUE(status.init_container_statuses(0).ready());
  EXPECT_EQ(Condition(status, "Initialized").message(), "containers with incomplete status: [two]");
  observed_.containers["two"].instances = {Instance("i2", ContainerState::kExited, 0, 0)};
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  status = Make();
  EXPECT_EQ(status.phase(), "Running");
  EXPECT_EQ(Condition(status, "Initialized").status(), "True");
}

// Spec: pod/11.1/ended, pod/11.3/exited
TEST_F(PodStatusTest, TerminatedPodEndsByItsExitCodes) {
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 0)};
  EXPECT_EQ(Make({}, true).phase(), "Succeeded");
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 137)};
  const v1::PodStatus failed = Make({}, true);
  EXPECT_EQ(failed.phase(), "Failed");
  // Kubernetes: that never changes again.
  observed_.containers["web"].instances = {Instance("c1", ContainerState::kRunning, 1)};
  EXPECT_EQ(Make(failed).phase(), "Failed");
}

// Whoever took it for ended would start its successor beside what is still coming up.
// Spec: pod/11.1/ended
TEST_F(PodStatusTest, ATerminatingPodHasNotEndedWhileAContainerIsBeingStarted) {
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 1)};
  observed_.in_flight = {{LaunchContainer{.container = "web", .restart_count = 1}, kNow}};
  EXPECT_EQ(Make({}, true).phase(), "Running");
  observed_.in_flight.clear();
  EXPECT_EQ(Make({}, true).phase(), "Failed");
}

// Spec: pod/11.2/transition-time, pod/11.2/foreign
TEST_F(PodStatusTest, TimesChangeOnlyWithTheStatusAndForeignConditionsStay) {
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  v1::PodStatus before = Make();
  for (v1::PodCondition& condition : *before.mutable_conditions()) {
    condition.mutable_last_transition_time()->set_seconds(42);
  }
  before.add_conditions()->set_type("example.com/Checked");
  const v1::PodStatus same = Make(before);
  EXPECT_EQ(Condition(same, "Ready").last_transition_time().seconds(), 42);
  EXPECT_EQ(Condition(same, "example.com/Checked").type(), "example.com/Checked");
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 1)};
  EXPECT_NE(Condition(Make(before), "Ready").last_transition_time().seconds(), 42);
}

// Spec: pod/3/host-port
TEST(HostPorts, ClashOnTheSameProtocolAndPortOfOneAddress) {
  const auto pod = [](const char* protocol, int port, const char* ip) {
    v1::Pod made;
    v1::ContainerPort& p = *made.mutable_spec()->add_containers()->add_ports();
    p.set_protocol(protocol);
    p.set_host_port(port);
    p.set_host_ip(ip);
    return made;
  };
  const auto clash = [](const v1::Pod& a, const v1::Pod& b) { return HostPortsClash(a, b, true); };
  EXPECT_TRUE(clash(pod("TCP", 80, ""), pod("TCP", 80, "")));
  EXPECT_TRUE(clash(pod("", 80, ""), pod("TCP", 80, "192.0.2.1")));
  EXPECT_TRUE(clash(pod("TCP", 80, "0.0.0.0"), pod("TCP", 80, "192.0.2.1")));
  EXPECT_FALSE(clash(pod("TCP", 80, "192.0.2.2"), pod("TCP", 80, "192.0.2.1")));
  EXPECT_FALSE(clash(pod("UDP", 80, ""), pod("TCP", 80, "")));
  EXPECT_FALSE(clash(pod("TCP", 81, ""), pod("TCP", 80, "")));
  EXPECT_FALSE(clash(pod("TCP", 0, ""), pod("TCP", 0, "")));
}

// Spec: pod/11.3/created
TEST_F(PodStatusTest, ContainerThatWasOnlyCreatedWaitsWithoutAReason) {
  observed_.containers["web"].instances = {Instance("c1", ContainerState::kCreated, 1),
                                           Instance("c0", ContainerState::kExited, 0, 3)};
  const v1::ContainerStatus web = Make().container_statuses(0);
  EXPECT_TRUE(web.state().has_waiting());
  EXPECT_EQ(web.state().waiting().reason(), "");
  EXPECT_EQ(web.last_state().terminated().exit_code(), 3);
  EXPECT_EQ(web.restart_count(), 1);
}

// Spec 11.3: started, ready.
// Spec: pod/11.3/started-and-ready
TEST_F(PodStatusTest, ProbesDecideWhetherARunningContainerIsStartedAndReady) {
  ObservedContainer& web = observed_.containers["web"];
  web.instances = {Instance("c0", ContainerState::kRunning)};
  constexpr ProbeVerdict kUnknown = ProbeVerdict::kUnknown, kGood = ProbeVerdict::kSuccess,
                         kBad = ProbeVerdict::kFailure;
  struct Row {
    ProbeVerdict startup, readiness;
    bool started, ready;
  };
  for (const Row& row : {Row{kGood, kGood, true, true},
                         {kGood, kBad, true, false},
                         {kUnknown, kGood, false, false},
                         {kBad, kGood, false, false}}) {
    web.health = {.startup = row.startup, .readiness = row.readiness};
    const v1::PodStatus status = Make();
    EXPECT_EQ(status.container_statuses(0).started(), row.started);
    EXPECT_EQ(status.container_statuses(0).ready(), row.ready);
    EXPECT_EQ(Condition(status, "Ready").status(), row.ready ? "True" : "False");
    EXPECT_EQ(status.phase(), "Running");
  }
  web.health = {.liveness = kBad};
  EXPECT_TRUE(Make().container_statuses(0).ready()) << "liveness is the planner's";
}

// Spec 11.2: lastTransitionTime is when the probe said so; a new agent tells the same.
TEST_F(PodStatusTest, ReadySinceTheProbeSaidSo) {
  ObservedContainer& web = observed_.containers["web"];
  web.instances = {Instance("c0", ContainerState::kRunning)};
  web.health.ready_since = kWall + seconds(42);
  for (const ProbeVerdict verdict : {ProbeVerdict::kSuccess, ProbeVerdict::kFailure}) {
    web.health.readiness = verdict;
    EXPECT_EQ(Condition(Make(), "Ready").last_transition_time().seconds(),
              ToApiTime(kWall + seconds(42)).seconds());
  }
}

// Spec 11.1-11.3: a sidecar obeys the rules of regular containers, and pending until started.
// Spec: pod/11.1/sidecars, pod/11.2/initialized, pod/11.2/containers-ready
TEST_F(PodStatusTest, SidecarsCountForReadinessAndInitialization) {
  pod_ = MakePod({"web"}, {"proxy"});
  pod_.mutable_spec()->mutable_init_containers(0)->set_restart_policy("Always");
  EXPECT_EQ(Make().phase(), "Pending");
  ObservedContainer& proxy = observed_.containers["proxy"];
  proxy.instances = {Instance("p0", ContainerState::kRunning)};
  proxy.health.startup = ProbeVerdict::kUnknown;
  v1::PodStatus status = Make();
  EXPECT_EQ(status.phase(), "Pending");
  EXPECT_EQ(Condition(status, "Initialized").message(),
            "containers with incomplete status: [proxy]");
  proxy.health = {.readiness = ProbeVerdict::kFailure};
  status = Make();
  EXPECT_EQ(Condition(status, "Initialized").status(), "True");
  EXPECT_FALSE(status.init_container_statuses(0).ready());

  observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  status = Make();
  EXPECT_EQ(status.phase(), "Running");
  EXPECT_EQ(Condition(status, "Ready").message(), "containers with unready status: [proxy]");
  proxy.health.readiness = ProbeVerdict::kSuccess;
  EXPECT_EQ(Condition(Make(), "Ready").status(), "True");
  // One that ended, even well, is not ready, and the phase stays.
  proxy.instances = {Instance("p0", ContainerState::kExited, 0, 0)};
  status = Make();
  EXPECT_FALSE(status.init_container_statuses(0).ready());
  EXPECT_EQ(status.phase(), "Running");
  EXPECT_EQ(Condition(status, "Ready").status(), "False");
}

// pod-lifecycle.md, 19: what an evicted pod shows, and when.
// Spec: pod/11.1/explicit, pod/11.2/containers-ready, pod/11.2/disruption-target
TEST_F(PodStatusTest, EvictedPodFailsOnceNothingOfItRuns) {
  const Disruption disruption{"Evicted", "The node was low on resource: memory. "};
  const std::map<std::string, std::string> messages;
  const auto make = [&] {
    return MakePodStatus({.pod = pod_,
                          .observed = observed_,
                          .plan = plan_,
                          .terminating = true,
                          .start_time = kWall,
                          .termination_messages = messages,
                          .disruption = &disruption},
                         {}, kWall + seconds(100));
  };
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  v1::PodStatus status = make();
  EXPECT_EQ(status.phase(), "Running");
  EXPECT_EQ(status.reason(), "");
  EXPECT_EQ(Condition(status, "DisruptionTarget").status(), "True");
  EXPECT_EQ(Condition(status, "DisruptionTarget").reason(), "TerminationByKubelet");
  // It ended well, but that it had to was our doing.
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 0)};
  EXPECT_EQ(make().phase(), "Running");
  plan_.stopped = true;
  status = make();
  EXPECT_EQ(status.phase(), "Failed");
  EXPECT_EQ(status.reason(), "Evicted");
  EXPECT_EQ(status.message(), "The node was low on resource: memory. ");
  EXPECT_EQ(Condition(status, "Ready").reason(), "PodFailed");
  EXPECT_EQ(status.container_statuses(0).state().terminated().exit_code(), 0);
}

}  // namespace
}  // namespace muster::agent
