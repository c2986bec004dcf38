// Probes and hooks in the whole loop: what is asked when, and what comes of it.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

constexpr auto kFailure = ProbeAnswer::Kind::kFailure;
constexpr auto kSuccess = ProbeAnswer::Kind::kSuccess;

v1::Probe HttpProbe(int period = 5, int failures = 3) {
  v1::Probe probe;
  probe.mutable_http_get()->mutable_port()->set_int_value(8080);
  probe.mutable_http_get()->set_path("/healthz");
  probe.set_period_seconds(period);
  probe.set_failure_threshold(failures);
  return probe;
}

class ProbesTest : public testing::Test {
 protected:
  ProbesTest() {
    node_.prober.Decides([this](const NetCall&) { return answer_; });
  }

  v1::Container& Spec() { return *object_.mutable_pod()->mutable_spec()->mutable_containers(0); }
  void Start(Duration time = seconds(1)) {
    node_.Settle();
    node_.Welcome({object_});
    node_.Run(time);
    ASSERT_EQ(node_.runtime.running_containers(), 1);
  }
  std::string Web() const { return node_.runtime.FindContainer("u1", "web"); }
  v1::ContainerStatus WebStatus() const { return node_.Status("u1").container_statuses(0); }
  std::vector<std::string> Told(const std::string& reason) const {
    std::vector<std::string> messages;
    for (const v1::Event& event : node_.link->events()) {
      if (event.reason() == reason) messages.push_back(event.message());
    }
    return messages;
  }
  std::vector<std::string> Journal(const std::string& call) const {
    std::vector<std::string> lines;
    for (const std::string& line : node_.runtime.journal()) {
      if (line.starts_with(call)) lines.push_back(line);
    }
    return lines;
  }

  NodeHarness node_;
  v1::Object object_ = PodObject("web", "u1");
  ProbeAnswer answer_{kSuccess, ""};
};

// Spec 8: readiness gates ready, rises with successThreshold and falls with failureThreshold.
// Spec: pod/8/failure
TEST_F(ProbesTest, ReadinessRisesAndFalls) {
  *Spec().mutable_readiness_probe() = HttpProbe();
  answer_ = {kFailure, "HTTP probe failed with statuscode: 503"};
  Start(seconds(12));
  EXPECT_FALSE(WebStatus().ready());
  EXPECT_TRUE(WebStatus().started());
  EXPECT_THAT(Told("Unhealthy"),
              ElementsAre("Readiness probe failed: HTTP probe failed with statuscode: 503"))
      << "the same is not told again and again";
  answer_ = {kSuccess, ""};
  node_.Run(seconds(5));
  EXPECT_TRUE(WebStatus().ready());
  answer_ = {kFailure, "gone"};
  node_.Run(seconds(10));
  EXPECT_TRUE(WebStatus().ready()) << "two are not three";
  node_.Run(seconds(5));
  EXPECT_FALSE(WebStatus().ready());
  EXPECT_THAT(Journal("StopContainer"), IsEmpty()) << "readiness stops nobody";
}

TEST_F(ProbesTest, ContainerIsAskedAtItsAddressAndReadyWithoutDelay) {
  *Spec().mutable_readiness_probe() = HttpProbe(30);
  Start(milliseconds(10));
  EXPECT_TRUE(WebStatus().ready());
  ASSERT_THAT(node_.prober.calls(), SizeIs(1));
  EXPECT_EQ(std::get<HttpCall>(node_.prober.calls()[0]).host, node_.Status("u1").pod_ip());
  node_.Run(seconds(60));
  EXPECT_THAT(node_.prober.calls(), SizeIs(3));
}

// Spec 8: for hostNetwork the node's address.
// Spec: pod/8/http-host
TEST_F(ProbesTest, HostNetworkPodIsAskedAtTheNodesAddress) {
  object_.mutable_pod()->mutable_spec()->set_host_network(true);
  Spec().mutable_readiness_probe()->mutable_tcp_socket()->mutable_port()->set_int_value(80);
  Start();
  EXPECT_EQ(node_.prober.calls()[0], NetCall(TcpCall{"192.0.2.1", 80}));
}

// Spec 4.3, 8: liveness failure restarts with an event of exactly these words.
// Spec: pod/4.3/liveness
TEST_F(ProbesTest, FailedLivenessRestartsTheContainer) {
  Spec().mutable_liveness_probe()->mutable_exec()->add_command("check");
  Spec().mutable_liveness_probe()->set_period_seconds(5);
  Spec().mutable_liveness_probe()->set_failure_threshold(2);
  Spec().mutable_liveness_probe()->set_termination_grace_period_seconds(4);
  int32_t exit_code = 0;
  node_.runtime.OnExec([&](const std::string&, const auto&) -> absl::StatusOr<FakeExec> {
    return FakeExec{{"", "no\n", exit_code}};
  });
  Start(seconds(3));
  const std::string before = Web();
  exit_code = 1;
  node_.Run(seconds(4));
  EXPECT_THAT(Journal("StopContainer"), IsEmpty());
  node_.Run(seconds(5));
  EXPECT_THAT(Journal("StopContainer"), ElementsAre("StopContainer " + before + " 4s"));
  EXPECT_THAT(Told("Unhealthy"), ElementsAre("Liveness probe failed: no\n"));
  EXPECT_THAT(Told("Killing"),
              ElementsAre("Container web failed liveness probe, will be restarted"));
  exit_code = 0;
  node_.Run(seconds(1));
  EXPECT_NE(Web(), before);
  EXPECT_EQ(WebStatus().restart_count(), 1);
  EXPECT_TRUE(WebStatus().ready());
  node_.Run(seconds(60));
  EXPECT_EQ(WebStatus().restart_count(), 1) << "the new instance starts over";
}

// Spec 8: exec RPC errors other than a timeout are discarded.
// Spec: pod/8/unknown
TEST_F(ProbesTest, RuntimeThatIsAwaySaysNothingAboutTheContainer) {
  Spec().mutable_liveness_probe()->mutable_exec()->add_command("check");
  Spec().mutable_liveness_probe()->set_period_seconds(1);
  Spec().mutable_liveness_probe()->set_failure_threshold(1);
  Start();
  node_.runtime.set_available(false);
  node_.Run(seconds(60));
  node_.runtime.set_available(true);
  node_.Run(seconds(60));
  EXPECT_EQ(WebStatus().restart_count(), 0);
}

// Spec 8: a timeout is a failure.
// Spec: pod/8/exec
TEST_F(ProbesTest, ExecThatTakesTooLongHasFailed) {
  Spec().mutable_readiness_probe()->mutable_exec()->add_command("check");
  Spec().mutable_readiness_probe()->set_timeout_seconds(2);
  node_.runtime.OnExec([&](const std::string&, const auto&) -> absl::StatusOr<FakeExec> {
    return FakeExec{{}, seconds(3)};
  });
  Start(seconds(3));
  EXPECT_FALSE(WebStatus().ready());
  EXPECT_THAT(Told("Unhealthy"),
              ElementsAre("Readiness probe failed: command timed out: \"check\" timed out after "
                          "2s"));
}

// Spec 8: liveness and readiness wait for startup, and its success asks for readiness at once.
// Spec: pod/8/startup-gates
TEST_F(ProbesTest, StartupHoldsBackTheOthers) {
  *Spec().mutable_startup_probe() = HttpProbe(2, 10);
  *Spec().mutable_liveness_probe() = HttpProbe(10, 1);
  *Spec().mutable_readiness_probe() = HttpProbe(60);
  answer_ = {kFailure, "not yet"};
  Start(seconds(13));
  EXPECT_FALSE(WebStatus().started());
  EXPECT_EQ(WebStatus().restart_count(), 0);
  answer_ = {kSuccess, ""};
  node_.Run(seconds(2));
  EXPECT_TRUE(WebStatus().started());
  EXPECT_TRUE(WebStatus().ready());
}

// Spec: pod/4.3/startup
TEST_F(ProbesTest, FailedStartupRestartsTheContainer) {
  *Spec().mutable_startup_probe() = HttpProbe(2, 2);
  answer_ = {kFailure, "never"};
  Start(seconds(3));
  EXPECT_EQ(WebStatus().restart_count(), 1);
  EXPECT_THAT(Told("Killing"), Contains("Container web failed startup probe, will be restarted"));
}

// Spec 8 (KEP-4781), 23: a kill of the agent changes nothing about readiness.
// Spec: pod/8/carried-over
TEST_F(ProbesTest, ReadinessIsKeptOverRestartsOfTheAgent) {
  *Spec().mutable_startup_probe() = HttpProbe(2, 2);
  *Spec().mutable_readiness_probe() = HttpProbe(5, 3);
  answer_ = {kFailure, "warming up"};
  Start(seconds(1));
  answer_ = {kSuccess, ""};
  node_.Run(seconds(7));
  ASSERT_TRUE(WebStatus().ready());
  const std::string before = node_.Status("u1").SerializeAsString();
  // Even when it does not answer at the moment.
  answer_ = {kFailure, "busy"};
  for (int i = 0; i < 3; ++i) {
    node_.RestartAgent();
    node_.Settle();
    node_.Welcome({});
    node_.Run(milliseconds(100));
    EXPECT_EQ(node_.Status("u1").SerializeAsString(), before) << i;
  }
  answer_ = {kSuccess, ""};
  node_.Run(seconds(30));
  EXPECT_EQ(node_.Status("u1").SerializeAsString(), before);
  // And one that is not ready does not become so.
  answer_ = {kFailure, "broken"};
  node_.Run(seconds(20));
  ASSERT_FALSE(WebStatus().ready());
  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(milliseconds(100));
  EXPECT_FALSE(WebStatus().ready());
  EXPECT_TRUE(WebStatus().started());
  EXPECT_EQ(WebStatus().restart_count(), 0);
}

// Otherwise a container that seems to have started only now would have to become ready again.
// Spec: pod/8/carried-over
TEST_F(ProbesTest, ReadinessIsKeptWhenTheClockWasSetBackSinceTheContainerStarted) {
  *Spec().mutable_startup_probe() = HttpProbe(2, 2);
  *Spec().mutable_readiness_probe() = HttpProbe(5, 3);
  answer_ = {kSuccess, ""};
  Start(seconds(7));
  ASSERT_TRUE(WebStatus().ready());
  answer_ = {kFailure, "busy"};
  node_.clock.JumpWall(-std::chrono::hours(5));
  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(milliseconds(100));
  EXPECT_TRUE(WebStatus().started());
  EXPECT_TRUE(WebStatus().ready());
}

TEST_F(ProbesTest, NothingIsWrittenWhileNothingChanges) {
  *Spec().mutable_readiness_probe() = HttpProbe(1);
  Start(seconds(5));
  const int writes = node_.disk->container_writes + node_.disk->writes;
  EXPECT_THAT(node_.disk->synced.containers, SizeIs(1));
  node_.Run(seconds(600));
  EXPECT_EQ(node_.disk->container_writes + node_.disk->writes, writes);
}

// What died with the agent's last life is not remembered for ever.
TEST_F(ProbesTest, MemoriesGoWithTheirContainers) {
  *Spec().mutable_readiness_probe() = HttpProbe(1);
  Start(seconds(5));
  node_.KillAgent();
  node_.runtime.ExitContainer(Web(), 1);
  node_.disk->synced.containers["of another life"] = {true, true};
  node_.StartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(seconds(30));
  EXPECT_THAT(node_.disk->synced.containers,
              ElementsAre(testing::Pair(Web(), testing::Field(&ContainerMemory::ready, true))));
}

// Spec 8: on deletion liveness stops, readiness goes on until the containers are gone.
// Spec: pod/8/deletion
TEST_F(ProbesTest, TerminatingPodIsAskedForReadinessOnly) {
  *Spec().mutable_liveness_probe() = HttpProbe(1, 1);
  Spec().mutable_readiness_probe()->mutable_tcp_socket()->mutable_port()->set_int_value(80);
  Spec().mutable_readiness_probe()->set_period_seconds(1);
  Spec().mutable_readiness_probe()->set_failure_threshold(1);
  node_.runtime.InstallProgram("serve", {.on_term = std::nullopt});
  Start(seconds(5));
  ASSERT_TRUE(WebStatus().ready());
  object_.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.Assign({Deleted(object_, 10)});
  node_.prober.ClearCalls();
  answer_ = {kFailure, "closing"};
  node_.Run(seconds(5));
  EXPECT_FALSE(WebStatus().ready());
  EXPECT_THAT(node_.prober.calls(), SizeIs(5));
  for (const NetCall& call : node_.prober.calls()) {
    EXPECT_TRUE(std::holds_alternative<TcpCall>(call));
  }
  node_.Run(seconds(10));
  EXPECT_EQ(node_.runtime.running_containers(), 0);
}

TEST_F(ProbesTest, AnswerThatComesTooLateIsNone) {
  *Spec().mutable_liveness_probe() = HttpProbe(1, 1);
  // The first attempt that is answered is the oldest.
  node_.prober.Decides([this](const NetCall&) {
    return std::exchange(answer_, ProbeAnswer{kSuccess, ""});
  });
  node_.prober.Hold();
  Start(seconds(3));
  EXPECT_THAT(node_.prober.calls(), SizeIs(1)) << "one at a time";
  node_.runtime.ExitContainer(Web(), 1);
  node_.Run(seconds(3));
  ASSERT_EQ(WebStatus().restart_count(), 1);
  answer_ = {kFailure, "about the old one"};
  node_.prober.Release();
  node_.Run(seconds(1));
  EXPECT_EQ(node_.runtime.running_containers(), 1);
  EXPECT_EQ(WebStatus().restart_count(), 1);
}

// Spec 9, 10: preStop before the signal, with what is left of the grace; its own event.
TEST_F(ProbesTest, PreStopRunsBeforeTheSignal) {
  Spec().mutable_lifecycle()->mutable_pre_stop()->mutable_exec()->add_command("drain");
  int32_t exit_code = 0;
  node_.runtime.OnExec([&](const std::string&, const auto&) -> absl::StatusOr<FakeExec> {
    return FakeExec{{"", "", exit_code}, seconds(3)};
  });
  Start();
  exit_code = 1;
  const std::string id = Web();
  object_.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.Assign({Deleted(object_, 20)});
  node_.Run(seconds(2));
  EXPECT_THAT(Journal("ExecSync"), ElementsAre("ExecSync " + id + " drain"));
  EXPECT_THAT(Journal("StopContainer"), IsEmpty());
  EXPECT_THAT(Told("Killing"), ElementsAre("Stopping container web"));
  node_.Run(seconds(2));
  EXPECT_THAT(Journal("StopContainer"), ElementsAre("StopContainer " + id + " 17s"));
  EXPECT_THAT(Told("FailedPreStopHook"), ElementsAre("PreStopHook failed"));
  EXPECT_THAT(Told("Killing"), ElementsAre("Stopping container web"));
}

// It was deleted while the agent was away, or the agent was killed while it stopped it.
// Spec: pod/9/pre-stop, pod/12/handlers-in-annotations
TEST_F(ProbesTest, PreStopRunsThoughTheSpecificationIsLost) {
  Spec().mutable_lifecycle()->mutable_pre_stop()->mutable_exec()->add_command("drain");
  node_.runtime.OnExec([](const std::string&, const auto&) -> absl::StatusOr<FakeExec> {
    return FakeExec{{"", "", 0}, seconds(3)};
  });
  Start();
  const std::string id = Web();
  node_.KillAgent();
  node_.disk->damaged = true;
  node_.StartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(seconds(2));
  EXPECT_THAT(Journal("ExecSync"), ElementsAre("ExecSync " + id + " drain"));
  EXPECT_THAT(Journal("StopContainer"), IsEmpty());
  node_.Run(seconds(60));
  EXPECT_THAT(Journal("ExecSync"), ElementsAre("ExecSync " + id + " drain"));
  EXPECT_THAT(Journal("StopContainer"), ElementsAre("StopContainer " + id + " 27s"));
  EXPECT_THAT(node_.runtime.containers(), IsEmpty());
}

// Spec 9: sleep, cut short when grace ends.
// Spec: pod/9/sleep
TEST_F(ProbesTest, SleepIsWaitedForWithinTheGrace) {
  Spec().mutable_lifecycle()->mutable_pre_stop()->mutable_sleep()->set_seconds(5);
  Start();
  const std::string id = Web();
  object_.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.Assign({Deleted(object_, 20)});
  node_.Run(milliseconds(4900));
  EXPECT_THAT(Journal("StopContainer"), IsEmpty());
  node_.Run(seconds(1));
  EXPECT_THAT(Journal("StopContainer"), ElementsAre("StopContainer " + id + " 15s"));
  EXPECT_THAT(Told("FailedPreStopHook"), IsEmpty());
}

// Spec: pod/9/sleep
TEST_F(ProbesTest, SleepThatIsTooLongIsCutShort) {
  Spec().mutable_lifecycle()->mutable_pre_stop()->mutable_sleep()->set_seconds(500);
  Start();
  object_.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.Assign({Deleted(object_, 5)});
  node_.Run(seconds(9));
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
}

// Spec 9: httpGet hooks have their own user agent, and any status will do.
// Spec: pod/4.5/post-start, pod/9/post-start
TEST_F(ProbesTest, PostStartFailureRestartsTheContainer) {
  v1::HTTPGetAction& get = *Spec().mutable_lifecycle()->mutable_post_start()->mutable_http_get();
  get.mutable_port()->set_int_value(8080);
  answer_ = {kFailure, "connection refused"};
  node_.Settle();
  node_.Welcome({object_});
  node_.Run(milliseconds(500));
  ASSERT_THAT(node_.prober.calls(), Not(IsEmpty()));
  const auto& call = std::get<HttpCall>(node_.prober.calls()[0]);
  EXPECT_TRUE(call.any_status);
  EXPECT_THAT(Told("FailedPostStartHook"), Contains("PostStartHook failed"));
  EXPECT_THAT(Told("Killing"), Contains("FailedPostStartHook"));
  EXPECT_EQ(WebStatus().state().waiting().reason(), "PostStartHookError");
  node_.Run(seconds(5));
  EXPECT_EQ(WebStatus().state().waiting().reason(), "CrashLoopBackOff");
  answer_ = {kSuccess, ""};
  node_.Run(seconds(30));
  EXPECT_TRUE(WebStatus().ready());
}

// Spec 9: at least once, also when the agent dies in the middle; not again once it is over.
// Spec: pod/9/at-least-once
TEST_F(ProbesTest, PostStartIsOwedUntilItWasRun) {
  Spec().mutable_lifecycle()->mutable_post_start()->mutable_exec()->add_command("greet");
  Duration takes = seconds(100);
  node_.runtime.OnExec([&](const std::string&, const auto&) -> absl::StatusOr<FakeExec> {
    return FakeExec{{}, takes};
  });
  Start();
  EXPECT_THAT(Journal("ExecSync"), SizeIs(1));
  takes = seconds(0);
  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(seconds(2));
  EXPECT_THAT(Journal("ExecSync"), SizeIs(2));
  node_.RestartAgent();
  node_.Settle();
  node_.Welcome({});
  node_.Run(seconds(2));
  EXPECT_THAT(Journal("ExecSync"), SizeIs(2));
  EXPECT_EQ(WebStatus().restart_count(), 0);
}

// Spec 4.4, 10: sidecars come first and go last.
// Spec: pod/10/turns
TEST_F(ProbesTest, SidecarsComeFirstAndGoLast) {
  v1::PodSpec& spec = *object_.mutable_pod()->mutable_spec();
  v1::Container& proxy = *spec.add_init_containers();
  proxy = spec.containers(0);
  proxy.set_name("proxy");
  proxy.set_restart_policy("Always");
  *proxy.mutable_startup_probe() = HttpProbe(1, 30);
  node_.runtime.InstallProgram("serve", {.term_takes = seconds(3)});
  answer_ = {kFailure, "not yet"};
  Start(seconds(4));
  EXPECT_EQ(node_.Status("u1").phase(), "Pending");
  answer_ = {kSuccess, ""};
  node_.Run(seconds(2));
  EXPECT_EQ(node_.Status("u1").phase(), "Running");
  EXPECT_TRUE(node_.Status("u1").init_container_statuses(0).ready());
  ASSERT_EQ(node_.runtime.running_containers(), 2);
  const std::string web = Web(), sidecar = node_.runtime.FindContainer("u1", "proxy");
  node_.runtime.ExitContainer(sidecar, 0);
  node_.Run(seconds(3));
  EXPECT_EQ(node_.Status("u1").init_container_statuses(0).restart_count(), 1);
  const std::string again = node_.runtime.FindContainer("u1", "proxy");

  object_.mutable_pod()->mutable_metadata()->set_resource_version("2");
  node_.Assign({Deleted(object_, 20)});
  node_.Run(seconds(2));
  EXPECT_THAT(Journal("StopContainer"), ElementsAre("StopContainer " + web + " 20s"));
  node_.Run(seconds(10));
  EXPECT_THAT(Journal("StopContainer"), SizeIs(2));
  EXPECT_THAT(Journal("StopContainer")[1], testing::StartsWith("StopContainer " + again + " 1"));
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
}

}  // namespace
}  // namespace muster::agent
