#include "agent/workload/plan.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/workload/outcome.h"
#include "test/unit/agent/workload/fixtures.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// Spec: pod/5/away, pod/28/missing-information
TEST(PlanPod, NothingIsDoneWhileTheRuntimeIsNotKnown) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.known = false;
  PodIntent intent = IntentOf(pod);
  EXPECT_THAT(PlanPod(intent, observed, kNow).actions, IsEmpty());
  intent.terminate = true;
  EXPECT_THAT(PlanPod(intent, observed, kNow).actions, IsEmpty());
}

// Spec: pod/4.1/volumes-first, pod/4.2/none
TEST(PlanPod, NewPodGetsVolumesThenSandbox) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed;
  observed.known = true;
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)), ElementsAre("prepare volumes"));
  observed.prepared_inputs = "v1";
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("run sandbox (attempt 0)"));
}

// Spec: pod/17.2/values
TEST(PlanPod, ControlGroupComesBeforeTheSandboxAndFollowsItsValues) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed;
  observed.known = true;
  observed.prepared_inputs = "v1";
  PodIntent intent = IntentOf(pod);
  intent.group = "/pod shares=2";
  const Plan first = PlanPod(intent, observed, kNow);
  EXPECT_THAT(Described(first), ElementsAre("set control group /pod shares=2"));
  Begin(first.actions[0], intent, kNow, observed);
  EXPECT_THAT(PlanPod(intent, observed, kNow).actions, IsEmpty());

  // What cannot be had is tried again later, and at once when it is something else.
  Finish(first.actions[0], {absl::PermissionDeniedError("no")}, intent, kNow, observed);
  Plan plan = PlanPod(intent, observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.blocked, (WaitingReason{"FailedCreatePodContainer", "no"}));
  EXPECT_EQ(plan.wake_at, kNow + seconds(1));
  intent.group = "/pod shares=512";
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)),
              ElementsAre("set control group /pod shares=512"));
  Finish(EnsureGroup{"/pod shares=512"}, {}, intent, kNow, observed);
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)), ElementsAre("run sandbox (attempt 0)"));

  // A pod that runs waits for nothing.
  observed.sandboxes = {Sandbox("s0", SandboxState::kReady)};
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  EXPECT_THAT(PlanPod(intent, observed, kNow).actions, IsEmpty());
  intent.group = "/pod shares=1024";
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)),
              ElementsAre("raise control group /pod shares=1024"));
  Finish(EnsureGroup{"/pod shares=1024", true}, {}, intent, kNow, observed);
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)),
              ElementsAre("set control group /pod shares=1024"));
  Finish(EnsureGroup{"/pod shares=1024"}, {absl::UnknownError("busy")}, intent, kNow, observed);
  observed.containers["web"].instances = {
      Instance("c0", ContainerState::kExited, 0, 1, seconds(100))};
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)), ElementsAre("look for image img:1"));
}

TEST(PlanPod, PodThatMustWaitGetsNothing) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed;
  observed.known = true;
  PodIntent intent = IntentOf(pod);
  intent.hold = "another has its name";
  const Plan plan = PlanPod(intent, observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.blocked->message, "another has its name");
}

// Kubernetes: pods with the host's network may start before the network plug-in, as that plug-in
// itself does.
// Spec: pod/1/requeue, pod/4.1/network-not-ready
TEST(PlanPod, WithoutNetworkOnlyHostNetworkPodsGetASandbox) {
  v1::Pod pod = MakePod({"web"});
  ObservedPod observed;
  observed.known = true;
  observed.prepared_inputs = "v1";
  observed.network_ready = false;
  observed.network_message = "no plug-in";
  const Plan plan = PlanPod(IntentOf(pod), observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.blocked->reason, "NetworkNotReady");
  EXPECT_EQ(plan.wake_at, kNow + seconds(1));
  pod.mutable_spec()->set_host_network(true);
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("run sandbox (attempt 0)"));
}

struct SandboxCase {
  const char* rule;
  std::function<void(v1::Pod&, ObservedPod&)> disturb;
  std::vector<std::string> first;   // While the container runs.
  std::vector<std::string> second;  // When it has ended.
  std::vector<std::string> third;   // When the sandboxes are stopped.
};

class SandboxRules : public testing::TestWithParam<SandboxCase> {};

// Kubernetes: podSandboxChanged.
// Spec: pod/4.2/several-ready, pod/4.2/newest-not-ready, pod/4.2/network-mode, pod/4.2/no-address
TEST_P(SandboxRules, IsReplacedByTheNextAttempt) {
  v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  GetParam().disturb(pod, observed);
  EXPECT_EQ(Described(PlanPod(IntentOf(pod), observed, kNow)), GetParam().first);
  observed.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 137)};
  EXPECT_EQ(Described(PlanPod(IntentOf(pod), observed, kNow)), GetParam().second);
  for (SandboxInstance& sandbox : observed.sandboxes) {
    sandbox.stopped = true;
    sandbox.status.state = SandboxState::kNotReady;
  }
  EXPECT_EQ(Described(PlanPod(IntentOf(pod), observed, kNow)), GetParam().third);
}

INSTANTIATE_TEST_SUITE_P(
    Kubernetes, SandboxRules,
    testing::Values(SandboxCase{"newest not ready",
                                [](v1::Pod&, ObservedPod& o) {
                                  o.sandboxes[0].status.state = SandboxState::kNotReady;
                                },
                                {"stop container web within 30 s"},
                                {"stop sandbox s0"},
                                {"run sandbox (attempt 1)"}},
                    SandboxCase{"several ready",
                                [](v1::Pod&, ObservedPod& o) {
                                  o.sandboxes = {Sandbox("s1", SandboxState::kReady, 1),
                                                 Sandbox("s0", SandboxState::kReady, 0)};
                                },
                                {"stop container web within 30 s"},
                                {"stop sandbox s1", "stop sandbox s0"},
                                {"run sandbox (attempt 2)"}},
                    SandboxCase{"no address",
                                [](v1::Pod&, ObservedPod& o) { o.sandboxes[0].status.ips.clear(); },
                                {"stop container web within 30 s"},
                                {"stop sandbox s0"},
                                {"run sandbox (attempt 1)"}},
                    SandboxCase{"other network",
                                [](v1::Pod& pod, ObservedPod&) {
                                  pod.mutable_spec()->set_host_network(true);
                                },
                                {"stop container web within 30 s"},
                                {"stop sandbox s0"},
                                {"run sandbox (attempt 1)"}}));

// Spec: pod/4.2/no-address
TEST(PlanPod, SandboxOfTheHostsNetworkNeedsNoAddress) {
  v1::Pod pod = MakePod({"web"});
  pod.mutable_spec()->set_host_network(true);
  ObservedPod observed = WithSandbox();
  observed.sandboxes[0].status.network = NamespaceMode::kNode;
  observed.sandboxes[0].status.ips.clear();
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  EXPECT_THAT(PlanPod(IntentOf(pod), observed, kNow).actions, IsEmpty());
}

// Spec: pod/4.2/failure
TEST(PlanPod, FailedSandboxIsTriedAgainWhenItsTimeHasCome) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed;
  observed.known = true;
  observed.prepared_inputs = "v1";
  observed.sandbox_failure =
      StepFailure{"FailedCreatePodSandBox", "no", kNow, kNow + seconds(10), "v1"};
  const Plan plan = PlanPod(IntentOf(pod), observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.wake_at, kNow + seconds(10));
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow + seconds(10))),
              ElementsAre("run sandbox (attempt 0)"));
}

// Spec: pod/4.2/keep, pod/4.3/running
TEST(PlanPod, RunningPodIsSettled) {
  const v1::Pod pod = MakePod({"web", "side"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  observed.containers["side"].instances = {Instance("c1", ContainerState::kRunning)};
  const Plan plan = PlanPod(IntentOf(pod), observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.wake_at, std::nullopt);
  EXPECT_TRUE(plan.waiting.empty());
}

// Spec: pod/4.1/in-order
TEST(PlanPod, ContainersStartOneAfterTheOtherInTheOrderOfTheSpec) {
  const v1::Pod pod = MakePod({"web", "side"});
  ObservedPod observed = WithSandbox();
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("look for image img:1"));
  observed.containers["web"].image = ImageKnowledge::kPresent;
  observed.containers["web"].image_asked = "img:1";
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("launch container web (restart 0)"));
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("look for image img:1"));
}

// Kubernetes: one worker for each pod.
// Spec: pod/4.1/one-worker
TEST(PlanPod, NothingElseIsBegunWhileAStepIsUnderWay) {
  const v1::Pod pod = MakePod({"web", "side"});
  ObservedPod observed = WithSandbox();
  observed.in_flight.push_back({PullImage{"web", "img:1"}, kNow});
  EXPECT_THAT(PlanPod(IntentOf(pod), observed, kNow).actions, IsEmpty());
}

// Spec: pod/4.1/one-worker
TEST(PlanPod, LostSandboxIsDealtWithAfterTheStepUnderWay) {
  const v1::Pod pod = MakePod({"web", "side"});
  ObservedPod observed = WithSandbox();
  observed.sandboxes[0].status.state = SandboxState::kNotReady;
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  observed.in_flight.push_back({LaunchContainer{"side", false, "s0", 0, 0, "v1"}, kNow});
  EXPECT_THAT(PlanPod(IntentOf(pod), observed, kNow).actions, IsEmpty());
  observed.in_flight.clear();
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("stop container web within 30 s"));
}

// Spec: pod/4.3/changed
TEST(PlanPod, ChangedDefinitionIsNotHeldByTheOldOnesBackOff) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  ObservedContainer& web = observed.containers["web"];
  web.image = ImageKnowledge::kPresent;
  web.image_asked = "img:1";
  web.instances = {Instance("c0", ContainerState::kExited, 0, 1)};
  web.restarts.OnStart(kNow, kNow);
  EXPECT_THAT(PlanPod(IntentOf(pod), observed, kNow).actions, IsEmpty());
  web.instances[0].hash = "m1-older";
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("launch container web (restart 1)"));
}

TEST(PlanPod, NothingIsStartedBesideARunningInstanceOfAnotherSandbox) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  ObservedContainer& web = observed.containers["web"];
  web.image = ImageKnowledge::kPresent;
  web.image_asked = "img:1";
  web.instances = {Instance("c1", ContainerState::kExited, 1),
                   Instance("c0", ContainerState::kRunning)};
  web.instances[1].status.sandbox_id = "older";
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("stop container web within 30 s"));
  // Also while the stop has to wait.
  observed.teardown_held_until = kNow + seconds(1);
  EXPECT_THAT(PlanPod(IntentOf(pod), observed, kNow).actions, IsEmpty());
}

TEST(PlanPod, WhatIsStillLedToIsStoppedLater) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c1", ContainerState::kRunning)};
  observed.terminating_since = kNow;
  PodIntent intent = IntentOf(pod);
  intent.terminate = true;
  intent.stop_not_before = kNow + seconds(1);
  const Plan plan = PlanPod(intent, observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.wake_at, kNow + seconds(1));
  EXPECT_FALSE(plan.stopped || plan.gone);
  // The whole of it stays within the grace period.
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow + seconds(1))),
              ElementsAre("stop container web within 29 s"));
}

struct PullCase {
  const char* policy;
  ImageKnowledge knowledge;
  const char* action;
};

class PullPolicies : public testing::TestWithParam<PullCase> {};

// Kubernetes: imagePullPolicy.
// Spec: pod/7/never, pod/7/if-not-present, pod/7/always
TEST_P(PullPolicies, DecideWhatIsDoneAboutTheImage) {
  v1::Pod pod = MakePod({"web"});
  pod.mutable_spec()->mutable_containers(0)->set_image_pull_policy(GetParam().policy);
  ObservedPod observed = WithSandbox();
  observed.containers["web"].image = GetParam().knowledge;
  observed.containers["web"].image_asked = "img:1";
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)), ElementsAre(GetParam().action));
}

INSTANTIATE_TEST_SUITE_P(
    Kubernetes, PullPolicies,
    testing::Values(
        PullCase{"Always", ImageKnowledge::kUnknown, "pull image img:1"},
        PullCase{"Always", ImageKnowledge::kPresent, "pull image img:1"},
        PullCase{"Always", ImageKnowledge::kPulled, "launch container web (restart 0)"},
        PullCase{"IfNotPresent", ImageKnowledge::kUnknown, "look for image img:1"},
        PullCase{"IfNotPresent", ImageKnowledge::kPresent, "launch container web (restart 0)"},
        PullCase{"IfNotPresent", ImageKnowledge::kAbsent, "pull image img:1"},
        PullCase{"IfNotPresent", ImageKnowledge::kPulled, "launch container web (restart 0)"},
        PullCase{"Never", ImageKnowledge::kUnknown, "look for image img:1"},
        PullCase{"Never", ImageKnowledge::kPresent, "launch container web (restart 0)"}));

// Spec: pod/7/latest
TEST(PlanPod, ImageWithoutTagIsAskedForAsLatest) {
  v1::Pod pod = MakePod({"web"});
  pod.mutable_spec()->mutable_containers(0)->set_image("prom/node-exporter");
  pod.mutable_spec()->mutable_containers(0)->clear_image_pull_policy();
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), WithSandbox(), kNow)),
              ElementsAre("pull image prom/node-exporter:latest"));
}

// Spec: pod/7/invalid-name
TEST(PlanPod, ImageThatIsNoNameWaitsWithoutTrying) {
  v1::Pod pod = MakePod({"web"});
  pod.mutable_spec()->mutable_containers(0)->set_image("UPPER");
  const Plan plan = PlanPod(IntentOf(pod), WithSandbox(), kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.waiting.at("web").reason, "InvalidImageName");
  EXPECT_THAT(plan.waiting.at("web").message,
              testing::StartsWith("Failed to apply default image tag \"UPPER\": "));
}

// Kubernetes: other containers do not wait for a sibling's failed pull.
// Spec: pod/7/pull-error, pod/7/siblings
TEST(PlanPod, FailedPullShowsTheErrorThenTheBackOffAndHoldsUpNobody) {
  const v1::Pod pod = MakePod({"web", "side"});
  ObservedPod observed = WithSandbox();
  ObservedContainer& web = observed.containers["web"];
  web.image_asked = "img:1";
  web.pulls.OnFailure(kNow);
  web.failure = StepFailure{"ErrImagePull", "not found", kNow, kNow + seconds(10), "v1"};
  observed.containers["side"].instances = {Instance("c1", ContainerState::kRunning)};

  Plan plan = PlanPod(IntentOf(pod), observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.waiting.at("web"), (WaitingReason{"ErrImagePull", "not found"}));
  EXPECT_EQ(plan.wake_at, kNow + kErrorShownFor);

  plan = PlanPod(IntentOf(pod), observed, kNow + kErrorShownFor);
  EXPECT_EQ(plan.waiting.at("web"),
            (WaitingReason{"ImagePullBackOff", "Back-off pulling image \"img:1\""}));
  EXPECT_EQ(plan.wake_at, kNow + seconds(10));

  plan = PlanPod(IntentOf(pod), observed, kNow + seconds(10));
  EXPECT_THAT(Described(plan), ElementsAre("look for image img:1"));

  observed.containers["side"].instances.clear();
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("look for image img:1"));
}

// Kubernetes: the exit code does not matter with restartPolicy Always.
// Spec: pod/4.3/ended, pod/4.5/back-off, pod/6/exit-zero, pod/6/on-time
TEST(PlanPod, ExitedContainerIsRestartedAtOnceTheFirstTimeAndThenHeld) {
  for (const int32_t code : {0, 1}) {
    const v1::Pod pod = MakePod({"web"});
    ObservedPod observed = WithSandbox();
    ObservedContainer& web = observed.containers["web"];
    web.image = ImageKnowledge::kPresent;
    web.image_asked = "img:1";
    web.instances = {Instance("c0", ContainerState::kExited, 2, code)};
    EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
                ElementsAre("launch container web (restart 3)"));
    web.restarts.OnStart(kNow, kNow);
    web.restarts.OnStart(kNow, kNow);
    web.restarts.OnStart(kNow, kNow);
    const Plan plan = PlanPod(IntentOf(pod), observed, kNow + seconds(1));
    EXPECT_THAT(plan.actions, IsEmpty());
    EXPECT_EQ(plan.wake_at, kNow + seconds(40));
    EXPECT_EQ(plan.waiting.at("web"),
              (WaitingReason{"CrashLoopBackOff",
                             "back-off 40s restarting failed container=web pod=web_ns(u1)"}));
    EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow + seconds(40))),
                ElementsAre("launch container web (restart 3)"));
  }
}

// Spec: pod/13/keys
TEST(PlanPod, ConfigErrorIsTriedAgainAtOnceWhenTheConfigurationChanges) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  ObservedContainer& web = observed.containers["web"];
  web.image = ImageKnowledge::kPresent;
  web.image_asked = "img:1";
  web.failure = StepFailure{"CreateContainerConfigError", "configmap \"x\" not found", kNow,
                            kNow + seconds(10), "v1"};
  PodIntent intent = IntentOf(pod);
  const Plan plan = PlanPod(intent, observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.waiting.at("web").message, "configmap \"x\" not found");
  intent.inputs = observed.prepared_inputs.emplace("v2");
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)),
              ElementsAre("launch container web (restart 0)"));
}

// Spec: pod/4.3/created, pod/23/unfinished
TEST(PlanPod, CreatedButNeverStartedInstanceGoesBeforeTheNextIsMade) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  ObservedContainer& web = observed.containers["web"];
  web.image = ImageKnowledge::kPresent;
  web.image_asked = "img:1";
  web.instances = {Instance("c0", ContainerState::kCreated)};
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("remove container web (restart 0)"));
  // The runtime refuses that while it is still starting it.
  observed.teardown_held_until = kNow + seconds(2);
  const Plan held = PlanPod(IntentOf(pod), observed, kNow);
  EXPECT_THAT(held.actions, IsEmpty());
  EXPECT_EQ(held.wake_at, kNow + seconds(2));
  observed.teardown_held_until.reset();
  web.instances = {Instance("c0", ContainerState::kRunning)};
  EXPECT_THAT(PlanPod(IntentOf(pod), observed, kNow).actions, IsEmpty()) << "it did start";
  web.instances = {};
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("launch container web (restart 0)"));
  web.instances = {Instance("c1", ContainerState::kRunning, 1),
                   Instance("c0", ContainerState::kCreated)};
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("remove container web (restart 0)"));
}

// Spec: pod/4.3/unknown
TEST(PlanPod, UnknownContainerIsStoppedBeforeItIsStartedAgain) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c0", ContainerState::kUnknown)};
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("stop container web within 30 s"));
}

// Spec: pod/4.3/changed, pod/23/hash
TEST(PlanPod, ChangedDefinitionStopsTheContainerOnlyWithTheSameHashAlgorithm) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  observed.containers["web"].instances[0].hash = "m1-other";
  const Plan plan = PlanPod(IntentOf(pod), observed, kNow);
  ASSERT_THAT(Described(plan), ElementsAre("stop container web within 30 s"));
  EXPECT_EQ(std::get<StopContainer>(plan.actions[0]).why,
            "Container web definition changed, will be restarted");
  for (const char* hash : {"m0-other", "", "f00"}) {
    observed.containers["web"].instances[0].hash = hash;
    EXPECT_THAT(PlanPod(IntentOf(pod), observed, kNow).actions, IsEmpty()) << hash;
  }
}

TEST(PlanPod, SecondRunningInstanceIsStopped) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c1", ContainerState::kRunning, 1),
                                          Instance("c0", ContainerState::kRunning)};
  const Plan plan = PlanPod(IntentOf(pod), observed, kNow);
  ASSERT_EQ(plan.actions.size(), 1u);
  EXPECT_EQ(std::get<StopContainer>(plan.actions[0]).id, "c0");
}

// Kubernetes: plain init containers run one after the other, to completion.
// Spec: pod/4.4/running, pod/4.4/exited-well, pod/4.4/exited-badly, pod/4.4/earlier
TEST(PlanPod, InitContainersRunInOrderBeforeTheOthers) {
  const v1::Pod pod = MakePod({"web"}, {"one", "two"});
  ObservedPod observed = WithSandbox();
  for (const char* name : {"one", "two", "web"}) {
    observed.containers[name].image = ImageKnowledge::kPresent;
    observed.containers[name].image_asked = "img:1";
  }
  const auto planned = [&] { return Described(PlanPod(IntentOf(pod), observed, kNow)); };
  EXPECT_THAT(planned(), ElementsAre("launch container one (restart 0)"));
  observed.containers["one"].instances = {Instance("i1", ContainerState::kRunning)};
  EXPECT_THAT(planned(), IsEmpty());
  observed.containers["one"].instances = {Instance("i1", ContainerState::kExited, 0, 1)};
  EXPECT_THAT(planned(), ElementsAre("launch container one (restart 1)"));
  observed.containers["one"].instances = {Instance("i1", ContainerState::kExited, 0, 0)};
  EXPECT_THAT(planned(), ElementsAre("launch container two (restart 0)"));
  observed.containers["two"].instances = {Instance("i2", ContainerState::kExited, 0, 0)};
  EXPECT_THAT(planned(), ElementsAre("launch container web (restart 0)"));
  // Progress is told by the last one; the record of the first may be gone.
  observed.containers["one"].instances.clear();
  EXPECT_THAT(planned(), ElementsAre("launch container web (restart 0)"));
}

// Kubernetes: a new sandbox runs the init containers again.
// Spec: pod/4.2/init-again
TEST(PlanPod, InitContainersOfAnotherSandboxDoNotCount) {
  const v1::Pod pod = MakePod({"web"}, {"one"});
  ObservedPod observed = WithSandbox();
  observed.containers["one"].image = ImageKnowledge::kPresent;
  observed.containers["one"].image_asked = "img:1";
  observed.containers["one"].instances = {Instance("i1", ContainerState::kExited, 0, 0)};
  observed.containers["one"].instances[0].status.sandbox_id = "older";
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("launch container one (restart 1)"));
}

// Spec: pod/1/dead-kept, pod/18/containers, pod/18/sandboxes
TEST(PlanPod, OnlyTheNewestDeadInstanceAndTheCurrentSandboxAreKept) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.sandboxes.push_back(Sandbox("old", SandboxState::kNotReady));
  observed.sandboxes.push_back(Sandbox("older", SandboxState::kNotReady));
  observed.sandboxes[2].stopped = true;
  observed.containers["web"].instances = {
      Instance("c3", ContainerState::kRunning, 3), Instance("c2", ContainerState::kExited, 2),
      Instance("c1", ContainerState::kExited, 1), Instance("c0", ContainerState::kExited, 0)};
  EXPECT_THAT(Described(PlanPod(IntentOf(pod), observed, kNow)),
              ElementsAre("remove container web (restart 1)", "remove container web (restart 0)",
                          "stop sandbox old", "remove sandbox older"));
}

TEST(PlanPod, VolumesAreRefreshedWhenTheirSourcesChangeWithoutStoppingAnything) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  PodIntent intent = IntentOf(pod);
  intent.inputs = "v2";
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)), ElementsAre("prepare volumes"));
  observed.volumes_failure = StepFailure{"FailedMount", "gone", kNow, kNow + seconds(1), "v2"};
  const Plan plan = PlanPod(intent, observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.wake_at, kNow + seconds(1));
}

// Spec: pod/4.6/terminated, pod/10/sandboxes-after
TEST(PlanTermination, GoesFromContainersToSandboxesToFiles) {
  const v1::Pod pod = MakePod({"web", "side"});
  PodIntent intent = IntentOf(pod);
  intent.terminate = true;
  intent.grace = seconds(10);
  ObservedPod observed = WithSandbox();
  observed.terminating_since = kNow;
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  observed.containers["side"].instances = {Instance("c1", ContainerState::kRunning),
                                           Instance("c9", ContainerState::kExited)};
  const auto plan = [&] { return PlanPod(intent, observed, kNow); };
  EXPECT_THAT(Described(plan()),
              ElementsAre("stop container side within 10 s", "stop container web within 10 s"));
  EXPECT_THAT(plan().notes, testing::SizeIs(2));
  for (const char* name : {"web", "side"}) {
    observed.containers[name].instances[0].status.state = ContainerState::kExited;
  }
  EXPECT_THAT(Described(plan()), ElementsAre("stop sandbox s0"));
  EXPECT_FALSE(plan().stopped);
  observed.sandboxes[0].stopped = true;
  observed.sandboxes[0].status.state = SandboxState::kNotReady;
  EXPECT_TRUE(plan().stopped);
  EXPECT_EQ(plan().actions.size(), 3u);  // All instances, side by side.
  observed.containers["web"].instances.clear();
  observed.containers["side"].instances.clear();
  EXPECT_THAT(Described(plan()), ElementsAre("remove sandbox s0"));
  observed.sandboxes.clear();
  EXPECT_THAT(Described(plan()), ElementsAre("remove the pod's files"));
  EXPECT_FALSE(plan().gone);
  observed.cleaned_up = true;
  EXPECT_TRUE(plan().gone);
  EXPECT_THAT(plan().actions, IsEmpty());
}

struct GraceCase {
  int grace;
  int elapsed;
  int given;
};

class Grace : public testing::TestWithParam<GraceCase> {};

// Kubernetes: never less than 2 s between the signals, never more than is left.
// Spec: pod/1/stop-window, pod/10/minimum, pod/28/grace
TEST_P(Grace, IsWhatIsLeftButNeverLessThanTwoSeconds) {
  const v1::Pod pod = MakePod({"web"});
  PodIntent intent = IntentOf(pod);
  intent.terminate = true;
  intent.grace = seconds(GetParam().grace);
  ObservedPod observed = WithSandbox();
  observed.terminating_since = kNow - seconds(GetParam().elapsed);
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  const Plan plan = PlanPod(intent, observed, kNow);
  ASSERT_EQ(plan.actions.size(), 1u);
  EXPECT_EQ(std::get<StopContainer>(plan.actions[0]).grace, seconds(GetParam().given));
}

INSTANTIATE_TEST_SUITE_P(Kubernetes, Grace,
                         testing::Values(GraceCase{30, 0, 30}, GraceCase{30, 12, 18},
                                         GraceCase{30, 29, 2}, GraceCase{30, 100, 2},
                                         GraceCase{0, 0, 2}, GraceCase{1, 0, 2},
                                         GraceCase{3, 0, 3}));

// Spec: pod/4.6/terminating, pod/10/grace
TEST(PlanTermination, StopUnderWayIsRepeatedOnlyWhenLessTimeIsLeft) {
  const v1::Pod pod = MakePod({"web"});
  PodIntent intent = IntentOf(pod);
  intent.terminate = true;
  intent.grace = seconds(30);
  ObservedPod observed = WithSandbox();
  observed.terminating_since = kNow;
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  observed.in_flight = {{StopContainer{"web", "c0", seconds(30), ""}, kNow}};
  EXPECT_THAT(PlanPod(intent, observed, kNow + seconds(5)).actions, IsEmpty());
  intent.grace = seconds(8);
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow + seconds(5))),
              ElementsAre("stop container web within 3 s"));
  intent.grace = seconds(60);
  EXPECT_THAT(PlanPod(intent, observed, kNow + seconds(5)).actions, IsEmpty());
}

TEST(PlanTermination, WaitsForWhatIsBeingMadeButNotForAPull) {
  const v1::Pod pod = MakePod({"web"});
  PodIntent intent = IntentOf(pod);
  intent.terminate = true;
  ObservedPod observed = WithSandbox();
  observed.in_flight = {{LaunchContainer{"web", false, "s0", 0, 0, "v1"}, kNow}};
  EXPECT_THAT(PlanPod(intent, observed, kNow).actions, IsEmpty());
  observed.in_flight = {{PullImage{"web", "img:1"}, kNow}};
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)), ElementsAre("stop sandbox s0"));
}

// Spec: pod/1/grace, pod/23/orphans
TEST(PlanTermination, PodWhoseSpecificationIsLostIsTerminated) {
  PodIntent intent;
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)),
              ElementsAre("stop container web within 30 s"));
}

// Spec: pod/4.6/terminating
TEST(PlanTermination, FailedStopIsHeldForAMoment) {
  const v1::Pod pod = MakePod({"web"});
  PodIntent intent = IntentOf(pod);
  intent.terminate = true;
  ObservedPod observed = WithSandbox();
  observed.teardown_held_until = kNow + seconds(1);
  observed.containers["web"].instances = {Instance("c0", ContainerState::kRunning)};
  const Plan plan = PlanPod(intent, observed, kNow);
  EXPECT_THAT(plan.actions, IsEmpty());
  EXPECT_EQ(plan.wake_at, kNow + seconds(1));
}

// pod-lifecycle.md, 18 and 19: dead instances that are kept, and when they are not.
TEST(CollectGarbage, DeadInstanceOfARunningContainerGoesOnlyWhenTheDiskIsFull) {
  const v1::Pod pod = MakePod({"web"});
  ObservedPod observed = WithSandbox();
  observed.containers["web"].instances = {Instance("c1", ContainerState::kRunning, 1),
                                          Instance("c0", ContainerState::kExited, 0, 1)};
  PodIntent intent = IntentOf(pod);
  EXPECT_THAT(Described(PlanPod(intent, observed, kNow)), testing::IsEmpty());
  intent.disk_is_full = true;
  const Plan plan = PlanPod(intent, observed, kNow);
  ASSERT_EQ(plan.actions.size(), 1u);
  EXPECT_EQ(plan.actions[0], Action(RemoveContainer{"web", "c0", 0}));
  // The last one of a container that waits for its restart is needed to know of it.
  observed.containers["web"].instances = {Instance("c1", ContainerState::kExited, 1, 1)};
  for (const Action& action : PlanPod(intent, observed, kNow).actions) {
    EXPECT_FALSE(std::holds_alternative<RemoveContainer>(action));
  }
}

}  // namespace
}  // namespace muster::agent
