// How a pod's containers are brought down: probes that failed, hooks, grace, the turn of sidecars.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/workload/outcome.h"
#include "agent/workload/plan.h"
#include "test/unit/agent/workload/fixtures.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr ProbeVerdict kFailed = ProbeVerdict::kFailure;

// One container "web" that runs as c0.
class Stopping : public testing::Test {
 protected:
  Stopping() { observed_.containers["web"].instances = {Instance("c0", ContainerState::kRunning)}; }

  v1::Container& Web() { return *pod_.mutable_spec()->mutable_containers(0); }
  void SetPreStop() { Web().mutable_lifecycle()->mutable_pre_stop()->mutable_sleep(); }
  Plan PlanAt(seconds after, bool terminate = false) {
    PodIntent intent = IntentOf(pod_);
    intent.terminate = terminate;
    if (terminate) observed_.terminating_since = kNow;
    return PlanPod(intent, observed_, kNow + after);
  }
  // Plans, begins what was planned, and says what that was.
  std::vector<std::string> Do(seconds after, bool terminate = false) {
    const Plan plan = PlanAt(after, terminate);
    for (const Action& action : plan.actions) {
      Begin(action, IntentOf(pod_), kNow + after, observed_);
      last_ = action;
    }
    return Described(plan);
  }
  void End(seconds after, absl::Status status = absl::OkStatus()) {
    Finish(last_, {std::move(status)}, IntentOf(pod_), kNow + after, observed_);
  }

  v1::Pod pod_ = MakePod({"web"});
  ObservedPod observed_ = WithSandbox();
  Action last_;
};

// Spec 4.3: running with liveness or startup = Failure: kill with the grace of the probe, start.
// Spec: pod/4.3/liveness, pod/4.3/startup, pod/8/own-grace, pod/10/grace
TEST_F(Stopping, FailedProbeStopsTheContainerWithItsOwnGrace) {
  EXPECT_THAT(Do(seconds(0)), IsEmpty());
  observed_.containers["web"].health.liveness = kFailed;
  EXPECT_THAT(Described(PlanAt(seconds(0))), ElementsAre("stop container web within 30 s"));
  Web().mutable_liveness_probe()->set_termination_grace_period_seconds(7);
  const Plan plan = PlanAt(seconds(0));
  EXPECT_THAT(Described(plan), ElementsAre("stop container web within 7 s"));
  const auto& stop = std::get<StopContainer>(plan.actions[0]);
  EXPECT_EQ(stop.why, "Container web failed liveness probe, will be restarted");
  EXPECT_TRUE(stop.by_probe);

  observed_.containers["web"].health.startup = kFailed;
  EXPECT_EQ(std::get<StopContainer>(PlanAt(seconds(0)).actions[0]).why,
            "Container web failed startup probe, will be restarted");
}

// Spec 1: the smallest timeout ever sent is 2 s.
// Spec: pod/1/stop-window
TEST_F(Stopping, ProbeGraceIsNeverLessThanTwoSeconds) {
  observed_.containers["web"].health.liveness = kFailed;
  Web().mutable_liveness_probe()->set_termination_grace_period_seconds(1);
  EXPECT_THAT(Described(PlanAt(seconds(0))), ElementsAre("stop container web within 2 s"));
}

TEST_F(Stopping, HealthOfADeadInstanceStopsNobody) {
  observed_.containers["web"].health.liveness = kFailed;
  observed_.containers["web"].instances = {Instance("c1", ContainerState::kCreated),
                                           Instance("c0", ContainerState::kRunning)};
  EXPECT_THAT(Described(PlanAt(seconds(0))), IsEmpty());
}

// Spec 4.3: the first liveness restart is immediate; later ones wait only while the exit before
// the kill is younger than the back-off.
// Spec: pod/4.3/first-at-once
TEST_F(Stopping, RestartAfterAFailedProbeIsHeldOnlyByTheExitBefore) {
  ObservedContainer& web = observed_.containers["web"];
  web.image = ImageKnowledge::kPresent;
  web.image_asked = "img:1";
  web.health.liveness = kFailed;
  EXPECT_THAT(Do(seconds(0)), ElementsAre("stop container web within 30 s"));
  End(seconds(1));
  web.instances = {Instance("c0", ContainerState::kExited, 0, 137)};
  EXPECT_THAT(Do(seconds(1)), ElementsAre("launch container web (restart 1)"));
  EXPECT_EQ(web.restarts.wait(), seconds(0)) << "it was no exit of its own";
  End(seconds(1));

  // c1 fails as well, long after c0 ended.
  web.image = ImageKnowledge::kPresent;
  web.instances = {Instance("c1", ContainerState::kRunning, 1), web.instances[0]};
  EXPECT_THAT(Do(seconds(60)), ElementsAre("stop container web within 30 s"));
  End(seconds(61));
  web.instances[0] = Instance("c1", ContainerState::kExited, 1, 137);
  web.instances[0].exited_at = kNow + seconds(61);
  EXPECT_THAT(Do(seconds(61)), ElementsAre("launch container web (restart 2)"));
  EXPECT_EQ(web.restarts.wait(), seconds(10));
  End(seconds(61));

  // c2 fails at once, so c1's end still counts.
  web.image = ImageKnowledge::kPresent;
  web.instances = {Instance("c2", ContainerState::kRunning, 2), web.instances[0]};
  EXPECT_THAT(Do(seconds(63)), ElementsAre("stop container web within 30 s"));
  End(seconds(64));
  web.instances = {Instance("c2", ContainerState::kExited, 2, 137)};
  web.instances[0].exited_at = kNow + seconds(64);
  const Plan held = PlanAt(seconds(64));
  EXPECT_EQ(held.waiting.at("web").reason, "CrashLoopBackOff");
  EXPECT_EQ(held.wake_at, kNow + seconds(71));
}

// Spec 10.1: preStop first, at most G; then what is left of it.
// Spec: pod/9/pre-stop, pod/10/pre-stop
TEST_F(Stopping, PreStopRunsBeforeTheSignalWithinTheSameGrace) {
  SetPreStop();
  EXPECT_THAT(Do(seconds(0), true), ElementsAre("run preStop hook of web within 30 s"));
  EXPECT_THAT(Do(seconds(3), true), IsEmpty()) << "it is under way";
  EXPECT_EQ(PlanAt(seconds(3), true).wake_at, kNow + seconds(30));
  End(seconds(5));
  const Plan plan = PlanAt(seconds(5), true);
  EXPECT_THAT(Described(plan), ElementsAre("stop container web within 25 s"));
  EXPECT_TRUE(std::get<StopContainer>(plan.actions[0]).announced) << "the hook told of it";
}

// Spec: pod/9/pre-stop, pod/12/handlers-in-annotations
TEST_F(Stopping, PreStopOfALostSpecificationIsThatOfTheInstance) {
  observed_.containers["web"].instances[0].has_pre_stop = true;
  EXPECT_THAT(Described(PlanAt(seconds(0), true)), ElementsAre("stop container web within 30 s"))
      << "its specification has none any more";
  PodIntent intent = IntentOf(pod_);
  intent.terminate = true;
  intent.pod = nullptr;
  EXPECT_THAT(Described(PlanPod(intent, observed_, kNow)),
              ElementsAre("run preStop hook of web within 30 s"));
  observed_.containers["web"].pre_stop_over = "c0";
  EXPECT_THAT(Described(PlanPod(intent, observed_, kNow)),
              ElementsAre("stop container web within 30 s"));
}

// Spec 10.1, 10.3: the hook gets no more than G, the signal never less than 2 s.
// Spec: pod/10/pre-stop
TEST_F(Stopping, PreStopThatTakesTooLongIsLeftBehind) {
  SetPreStop();
  EXPECT_THAT(Do(seconds(0), true), ElementsAre("run preStop hook of web within 30 s"));
  EXPECT_THAT(Do(seconds(30), true), ElementsAre("stop container web within 2 s"));
  // Its exec may hang for ever: what a process of it inherited is still open.
  observed_.in_flight.pop_back();
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kExited, 0, 137)};
  EXPECT_THAT(Do(seconds(31), true), ElementsAre("stop sandbox s0"));
}

// Spec 9: preStop runs on every kill of ours: also for a probe, with the probe's grace.
// Spec: pod/9/pre-stop
TEST_F(Stopping, PreStopRunsWhenAProbeFailed) {
  SetPreStop();
  observed_.containers["web"].health.liveness = kFailed;
  Web().mutable_liveness_probe()->set_termination_grace_period_seconds(10);
  EXPECT_THAT(Do(seconds(0)), ElementsAre("run preStop hook of web within 10 s"));
  EXPECT_THAT(Do(seconds(1)), IsEmpty());
  End(seconds(4), absl::AbortedError("exit 1"));  // Spec 9: it failed; the kill goes on.
  EXPECT_THAT(Do(seconds(4)), ElementsAre("stop container web within 6 s"));
}

// Spec 10.1: G = 0 or used up: no hook.
// Spec: pod/10/pre-stop
TEST_F(Stopping, PreStopIsNotRunWhenNoTimeIsLeft) {
  SetPreStop();
  EXPECT_THAT(Do(seconds(31), true), ElementsAre("stop container web within 2 s"));
}

// Spec 5: a runtime that is away says nothing, so the hook is owed still.
// Spec: pod/9/at-least-once
TEST_F(Stopping, PreStopIsTriedAgainWhenTheRuntimeWasAway) {
  SetPreStop();
  EXPECT_THAT(Do(seconds(0), true), ElementsAre("run preStop hook of web within 30 s"));
  End(seconds(1), absl::UnavailableError("connection refused"));
  EXPECT_THAT(Do(seconds(1), true), IsEmpty());
  EXPECT_THAT(Do(seconds(2), true), ElementsAre("run preStop hook of web within 28 s"));
}

// Spec: pod/9/pre-stop
TEST_F(Stopping, PreStopIsNotRunInAContainerThatIsGone) {
  SetPreStop();
  observed_.containers["web"].instances = {Instance("c0", ContainerState::kUnknown)};
  EXPECT_THAT(Do(seconds(0), true), ElementsAre("stop container web within 30 s"));
}

// Spec 9: postStart right after the start; failure kills with the normal grace, then back-off.
// Spec: pod/4.5/post-start, pod/9/post-start
TEST_F(Stopping, PostStartIsOwedOnceAndItsFailureEndsTheContainer) {
  Web().mutable_lifecycle()->mutable_post_start()->mutable_sleep();
  ObservedContainer& web = observed_.containers["web"];
  EXPECT_THAT(Do(seconds(0)), IsEmpty()) << "an older agent made it";
  web.instances[0].owes_post_start = true;
  EXPECT_THAT(Do(seconds(0)), ElementsAre("run postStart hook of web"));
  EXPECT_THAT(Do(seconds(100)), IsEmpty());
  End(seconds(100));
  EXPECT_THAT(Do(seconds(100)), IsEmpty());

  web.post_start_over.clear();
  EXPECT_THAT(Do(seconds(100)), ElementsAre("run postStart hook of web"));
  End(seconds(101), absl::AbortedError("it said no"));
  const Plan plan = PlanAt(seconds(101));
  EXPECT_THAT(Described(plan), ElementsAre("stop container web within 30 s"));
  EXPECT_EQ(std::get<StopContainer>(plan.actions[0]).why, "FailedPostStartHook");
  EXPECT_FALSE(std::get<StopContainer>(plan.actions[0]).by_probe);
  web.instances = {Instance("c0", ContainerState::kExited, 0, 143)};
  const Plan after = PlanAt(seconds(102));
  EXPECT_EQ(after.waiting.at("web").reason, "PostStartHookError");
  EXPECT_EQ(after.waiting.at("web").message, "it said no");
}

// Spec 9: it blocks the sync, so the next container waits for it.
// Spec: pod/9/post-start
TEST_F(Stopping, NextContainerWaitsForThePostStartHook) {
  pod_ = MakePod({"web", "next"});
  Web().mutable_lifecycle()->mutable_post_start()->mutable_sleep();
  observed_.containers["web"].instances[0].owes_post_start = true;
  EXPECT_THAT(Do(seconds(0)), ElementsAre("run postStart hook of web"));
  EXPECT_THAT(Do(seconds(1)), IsEmpty());
  // But nobody waits for it to end the pod.
  EXPECT_THAT(Do(seconds(2), true), ElementsAre("stop container web within 28 s"));
}

// Spec 10: turn rules.
class SidecarTurns : public Stopping {
 protected:
  SidecarTurns() {
    pod_ = MakePod({"web", "app"}, {"plain", "first", "second"});
    for (int i : {1, 2}) {
      pod_.mutable_spec()->mutable_init_containers(i)->set_restart_policy("Always");
    }
    for (const char* name : {"first", "second", "app"}) Runs(name);
  }
  void Runs(const std::string& name) {
    observed_.containers[name].instances = {Instance(name + "-0", ContainerState::kRunning)};
  }
  void Ends(const std::string& name) {
    observed_.containers[name].instances = {Instance(name + "-0", ContainerState::kExited, 0, 143)};
    std::erase_if(observed_.in_flight, [&](const InFlight& flight) {
      const auto* stop = std::get_if<StopContainer>(&flight.action);
      return stop != nullptr && stop->container == name;
    });
  }
};

// Spec: pod/10/turns
TEST_F(SidecarTurns, SidecarsGoAfterThoseTheyServeLastFirst) {
  EXPECT_THAT(Do(seconds(0), true), UnorderedElementsAre("stop container app within 30 s",
                                                         "stop container web within 30 s"));
  EXPECT_EQ(PlanAt(seconds(0), true).wake_at, kNow + seconds(30));
  Ends("web");
  EXPECT_THAT(Do(seconds(4), true), IsEmpty());
  Ends("app");
  EXPECT_THAT(Do(seconds(10), true), ElementsAre("stop container second within 20 s"));
  EXPECT_THAT(Do(seconds(11), true), IsEmpty());
  Ends("second");
  EXPECT_THAT(Do(seconds(12), true), ElementsAre("stop container first within 18 s"));
  Ends("first");
  EXPECT_THAT(Do(seconds(13), true), ElementsAre("stop sandbox s0"));
}

// Spec: pod/4.4/not-while-terminating
TEST_F(SidecarTurns, SidecarThatEndsMeanwhileIsNotStartedAgain) {
  EXPECT_THAT(Do(seconds(0), true), testing::SizeIs(2));
  Ends("first");
  EXPECT_THAT(Do(seconds(1), true), IsEmpty());
  Ends("web");
  Ends("app");
  EXPECT_THAT(Do(seconds(2), true), ElementsAre("stop container second within 28 s"));
}

// Spec 10: when G is used up, remaining sidecars get the 2 s minimum.
// Spec: pod/10/no-time-left
TEST_F(SidecarTurns, WithoutTimeLeftEverybodyGoesAtOnce) {
  EXPECT_THAT(Do(seconds(0), true), testing::SizeIs(2));
  EXPECT_THAT(Do(seconds(30), true), UnorderedElementsAre("stop container first within 2 s",
                                                          "stop container second within 2 s"));
}

// Spec 10: plain init containers are stopped at once; those that do not run are not waited for.
// Spec: pod/10/plain-init
TEST_F(SidecarTurns, PlainInitContainersHaveNoTurn) {
  Ends("web");
  observed_.containers.erase("app");
  observed_.containers.erase("second");
  Runs("plain");
  EXPECT_THAT(Do(seconds(0), true), UnorderedElementsAre("stop container first within 30 s",
                                                         "stop container plain within 30 s"));
}

// Spec 10: preStop of a sidecar starts immediately, its signal waits.
// Spec: pod/10/sidecar-pre-stop
TEST_F(SidecarTurns, PreStopOfASidecarDoesNotWait) {
  pod_.mutable_spec()
      ->mutable_init_containers(1)
      ->mutable_lifecycle()
      ->mutable_pre_stop()
      ->mutable_sleep();
  EXPECT_THAT(Do(seconds(0), true), UnorderedElementsAre("run preStop hook of first within 30 s",
                                                         "stop container app within 30 s",
                                                         "stop container web within 30 s"));
}

// Spec 4.2, 10: also when the sandbox is replaced, within one grace period for all.
// Spec: pod/10/turns
TEST_F(SidecarTurns, HoldWhenTheSandboxIsReplaced) {
  observed_.sandboxes[0].status.state = SandboxState::kNotReady;
  EXPECT_THAT(Do(seconds(0)), UnorderedElementsAre("stop container app within 30 s",
                                                   "stop container web within 30 s"));
  Ends("web");
  Ends("app");
  EXPECT_THAT(Do(seconds(20)), ElementsAre("stop container second within 10 s"));
}

// Spec 4.4: start order of sidecars.
class SidecarStart : public testing::Test {
 protected:
  SidecarStart() {
    for (int i : {0, 2}) {
      pod_.mutable_spec()->mutable_init_containers(i)->set_restart_policy("Always");
    }
    for (const char* name : {"proxy", "setup", "late", "web"}) {
      observed_.containers[name].image = ImageKnowledge::kPresent;
      observed_.containers[name].image_asked = "img:1";
    }
  }
  ContainerInstance& Is(const std::string& name, ContainerState state, int exit_code = 0) {
    ObservedContainer& container = observed_.containers[name];
    // Ended long ago, so that no back-off holds it.
    container.instances = {Instance(name + "-0", state, 0, exit_code, seconds(400))};
    return container.instances[0];
  }
  std::vector<std::string> Next() const {
    return Described(PlanPod(IntentOf(pod_), observed_, kNow));
  }

  v1::Pod pod_ = MakePod({"web"}, {"proxy", "setup", "late"});
  ObservedPod observed_ = WithSandbox();
};

// Spec: pod/4.4/running
TEST_F(SidecarStart, EachIsStartedBeforeTheNextInitContainerRuns) {
  EXPECT_THAT(Next(), ElementsAre("launch container proxy (restart 0)"));
  Is("proxy", ContainerState::kRunning);
  // "started" = no startup probe, or it succeeded.
  observed_.containers["proxy"].health.startup = ProbeVerdict::kUnknown;
  EXPECT_THAT(Next(), IsEmpty());
  observed_.containers["proxy"].health.startup = ProbeVerdict::kSuccess;
  // Readiness does not gate progress.
  observed_.containers["proxy"].health.readiness = kFailed;
  EXPECT_THAT(Next(), ElementsAre("launch container setup (restart 0)"));
  Is("setup", ContainerState::kRunning);
  EXPECT_THAT(Next(), IsEmpty());
  Is("setup", ContainerState::kExited, 0);
  EXPECT_THAT(Next(), ElementsAre("launch container late (restart 0)"));
  Is("late", ContainerState::kRunning);
  EXPECT_THAT(Next(), ElementsAre("launch container web (restart 0)"));
}

// Spec: pod/4.4/exited-well, pod/4.4/exited-badly
TEST_F(SidecarStart, OneThatEndedIsRestartedWhateverItsExitCode) {
  for (const int exit_code : {0, 1}) {
    Is("proxy", ContainerState::kExited, exit_code);
    EXPECT_THAT(Next(), ElementsAre("launch container proxy (restart 1)")) << exit_code;
    // Also while a later one is at work,
    Is("setup", ContainerState::kRunning);
    EXPECT_THAT(Next(), ElementsAre("launch container proxy (restart 1)")) << exit_code;
    // and when the pod is up.
    Is("web", ContainerState::kRunning);
    Is("late", ContainerState::kRunning);
    EXPECT_THAT(Next(), ElementsAre("launch container proxy (restart 1)")) << exit_code;
    for (const char* name : {"setup", "late", "web"}) observed_.containers[name].instances.clear();
  }
}

// Spec: pod/4.4/earlier
TEST_F(SidecarStart, OneWithoutARecordIsStartedAgainWhilePlainOnesAreNotLookedAt) {
  Is("web", ContainerState::kRunning);
  Is("late", ContainerState::kRunning);
  EXPECT_THAT(Next(), ElementsAre("launch container proxy (restart 0)"));
  Is("proxy", ContainerState::kRunning);
  EXPECT_THAT(Next(), IsEmpty()) << "setup is over, its record may be gone";
}

// Spec: pod/4.4/pod-is-up
TEST_F(SidecarStart, CrashLoopOfTheLastHoldsUpTheContainers) {
  Is("proxy", ContainerState::kRunning);
  Is("setup", ContainerState::kExited, 0);
  ContainerInstance& late = Is("late", ContainerState::kExited, 1);
  late.exited_at = kNow - seconds(1);
  observed_.containers["late"].restarts.OnStart(kNow - seconds(3), kNow - seconds(2));
  EXPECT_THAT(Next(), IsEmpty());
  // But not once the pod is up.
  Is("web", ContainerState::kExited, 1);
  EXPECT_THAT(Next(), IsEmpty()) << "an exited container does not count as up";
}

// Spec: pod/4.4/sidecar-probes
TEST_F(SidecarStart, FailedStartupOrLivenessProbeRestartsIt) {
  for (int i = 0; i < 2; ++i) {
    Is("proxy", ContainerState::kRunning);
    ProbeHealth& health = observed_.containers["proxy"].health;
    health = ProbeHealth();
    (i == 0 ? health.startup : health.liveness) = kFailed;
    EXPECT_THAT(Next(), ElementsAre("stop container proxy within 30 s")) << i;
  }
}

// Spec: pod/4.4/created
TEST_F(SidecarStart, OneThatWasOnlyCreatedGoesBeforeANewOneIsMade) {
  Is("proxy", ContainerState::kCreated);
  EXPECT_THAT(Next(), ElementsAre("remove container proxy (restart 0)"));
  Is("proxy", ContainerState::kRunning);
  Is("setup", ContainerState::kCreated);
  EXPECT_THAT(Next(), ElementsAre("remove container setup (restart 0)"));
}

// Spec: pod/4.4/unknown
TEST_F(SidecarStart, OneThatIsUnknownIsStoppedBeforeItIsStartedAgain) {
  for (const char* name : {"proxy", "setup"}) {
    Is("proxy", ContainerState::kRunning);
    Is(name, ContainerState::kUnknown);
    EXPECT_THAT(Next(), ElementsAre(std::string("stop container ") + name + " within 30 s"));
  }
}

}  // namespace
}  // namespace muster::agent
