#include "agent/workload/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/workload/plan.h"
#include "agent/workload/pod_status.h"
#include "common/model/daemon_job.h"
#include "test/unit/agent/workload/fixtures.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr seconds kAgo{5};

class CompletionTest : public testing::Test {
 protected:
  explicit CompletionTest(const std::string& policy = "Never") { SetPolicy(policy); }

  void SetPolicy(const std::string& policy) { pod_.mutable_spec()->set_restart_policy(policy); }
  void AddSidecar(const std::string& name) {
    v1::Container& init = *pod_.mutable_spec()->add_init_containers();
    init.set_name(name);
    init.set_image("img:1");
    init.set_restart_policy("Always");
  }
  void Exited(const std::string& name, int32_t code) {
    observed_.containers[name].instances = {
        Instance("c-" + name, ContainerState::kExited, 0, code, kAgo)};
  }
  void Runs(const std::string& name) {
    observed_.containers[name].instances = {Instance("c-" + name, ContainerState::kRunning)};
  }
  std::vector<std::string> Steps() { return Described(PlanPod(Intent(), observed_, kNow)); }
  PodIntent Intent() {
    PodIntent intent = IntentOf(pod_);
    intent.finished = finished_;
    intent.terminate = terminate_;
    return intent;
  }
  v1::PodStatus Status(const v1::PodStatus& previous = {}) {
    const Plan plan = PlanPod(Intent(), observed_, kNow);
    return MakePodStatus({.pod = pod_,
                          .observed = observed_,
                          .plan = plan,
                          .terminating = terminate_,
                          .host_ips = {"192.0.2.1"},
                          .start_time = kWall,
                          .runtime_name = "containerd",
                          .termination_messages = {}},
                         previous, kWall + seconds(100));
  }
  // As of this second of the finish of an Instance, which is 5.
  void DeleteAt(int64_t second, int64_t grace = 30) {
    terminate_ = true;
    v1::ObjectMeta& meta = *pod_.mutable_metadata();
    meta.mutable_deletion_timestamp()->set_seconds(ToApiTime(kWall).seconds() + second + grace);
    meta.set_deletion_grace_period_seconds(grace);
  }
  void SandboxStopped() {
    for (SandboxInstance& sandbox : observed_.sandboxes) {
      sandbox.stopped = true;
      sandbox.status.state = SandboxState::kNotReady;
    }
  }

  v1::Pod pod_ = MakePod({"web"});
  ObservedPod observed_ = WithSandbox();
  bool finished_ = false;
  bool terminate_ = false;
};

TEST_F(CompletionTest, WhatEndedIsRunAgainAsThePolicySays) {
  const struct {
    const char* policy;
    int32_t exit_code;
    const char* step;
    const char* phase;
  } cases[] = {
      {"Always", 0, "look for image img:1", "Running"},
      {"Always", 3, "look for image img:1", "Running"},
      {"OnFailure", 0, "stop sandbox s0", "Succeeded"},
      {"OnFailure", 3, "look for image img:1", "Running"},
      {"Never", 0, "stop sandbox s0", "Succeeded"},
      {"Never", 3, "stop sandbox s0", "Failed"},
  };
  for (const auto& c : cases) {
    SetPolicy(c.policy);
    Exited("web", c.exit_code);
    EXPECT_THAT(Steps(), ElementsAre(c.step)) << c.policy << c.exit_code;
    const v1::PodStatus status = Status();
    EXPECT_EQ(status.phase(), c.phase) << c.policy << c.exit_code;
    EXPECT_EQ(status.reason(), "");
    EXPECT_EQ(status.container_statuses(0).state().terminated().exit_code(), c.exit_code);
  }
}

TEST_F(CompletionTest, AFinishedPodKeepsItsEndedContainersAndNothingElse) {
  Exited("web", 0);
  EXPECT_THAT(Steps(), ElementsAre("stop sandbox s0"));
  SandboxStopped();
  EXPECT_THAT(Steps(), IsEmpty());
  EXPECT_FALSE(PlanPod(Intent(), observed_, kNow).wake_at);
  // An older instance, and the sandbox that only it was in, go.
  observed_.sandboxes = {Sandbox("s1", SandboxState::kNotReady, 1),
                         Sandbox("s0", SandboxState::kNotReady)};
  SandboxStopped();
  observed_.containers["web"].instances = {Instance("c1", ContainerState::kExited, 1, 0),
                                           Instance("c0", ContainerState::kExited, 0, 1)};
  observed_.containers["web"].instances[0].status.sandbox_id = "s1";
  EXPECT_THAT(Steps(), ElementsAre("remove container web (restart 0)"));
}

TEST_F(CompletionTest, AllContainersHaveToEnd) {
  pod_ = MakePod({"web", "log"});
  SetPolicy("Never");
  Exited("web", 0);
  Runs("log");
  EXPECT_THAT(Steps(), IsEmpty());
  EXPECT_EQ(Status().phase(), "Running");
  Exited("log", 4);
  EXPECT_THAT(Steps(), ElementsAre("stop sandbox s0"));
  EXPECT_EQ(Status().phase(), "Failed");
  EXPECT_EQ(Status().container_statuses(0).state().terminated().reason(), "Completed");
}

TEST_F(CompletionTest, OnFailureOnlyWhatFailedIsRunAgain) {
  pod_ = MakePod({"web", "log"});
  SetPolicy("OnFailure");
  Exited("web", 0);
  Exited("log", 1);
  observed_.containers["web"].image = observed_.containers["log"].image = ImageKnowledge::kPresent;
  observed_.containers["web"].image_asked = observed_.containers["log"].image_asked = "img:1";
  EXPECT_THAT(Steps(), ElementsAre("launch container log (restart 1)"));
  // Likewise in a sandbox that replaces one that was lost.
  observed_.sandboxes[0].status.state = SandboxState::kNotReady;
  EXPECT_THAT(Steps(), ElementsAre("stop sandbox s0"));
  observed_.sandboxes = {Sandbox("s1", SandboxState::kReady, 1)};
  EXPECT_THAT(Steps(), ElementsAre("launch container log (restart 1)"));
}

// Kubernetes: a pod that may not be started again gets no other sandbox.
TEST_F(CompletionTest, ALostSandboxIsNoReasonToRunAgain) {
  Exited("web", 255);
  observed_.sandboxes[0].status.state = SandboxState::kNotReady;
  EXPECT_THAT(Steps(), ElementsAre("stop sandbox s0"));
  SandboxStopped();
  EXPECT_THAT(Steps(), IsEmpty());
  EXPECT_EQ(Status().phase(), "Failed");
  observed_.sandboxes.clear();
  EXPECT_THAT(Steps(), IsEmpty());
}

TEST_F(CompletionTest, AFailedInitContainerIsTheEndWhenItMayNotRunAgain) {
  pod_ = MakePod({"web"}, {"one", "two"});
  SetPolicy("OnFailure");
  Exited("one", 2);
  EXPECT_THAT(Steps(), ElementsAre("look for image img:1"));
  EXPECT_EQ(Status().phase(), "Pending");
  SetPolicy("Never");
  EXPECT_THAT(Steps(), ElementsAre("stop sandbox s0"));
  EXPECT_EQ(Status().phase(), "Failed");
  Exited("one", 0);
  EXPECT_THAT(Steps(), ElementsAre("look for image img:1"));
  EXPECT_EQ(Status().phase(), "Pending");
}

TEST_F(CompletionTest, SidecarsEndAfterThoseTheyServe) {
  AddSidecar("proxy");
  Runs("proxy");
  Exited("web", 0);
  EXPECT_THAT(Steps(), ElementsAre("stop container proxy within 30 s"));
  EXPECT_EQ(Status().phase(), "Running");
  Exited("proxy", 143);
  EXPECT_THAT(Steps(), ElementsAre("stop sandbox s0"));
  EXPECT_EQ(Status().phase(), "Succeeded");
}

// A runtime that lost its records is no reason to run again what has run.
TEST_F(CompletionTest, ALostContainerHasHadItsRun) {
  observed_.containers["web"].restarts_from_logs = 1;
  observed_.sandboxes.clear();
  EXPECT_THAT(Steps(), IsEmpty());
  const v1::PodStatus status = Status();
  EXPECT_EQ(status.phase(), "Failed");
  EXPECT_EQ(status.container_statuses(0).state().terminated().reason(), "ContainerStatusUnknown");
  EXPECT_EQ(status.container_statuses(0).state().terminated().exit_code(), 137);
  SetPolicy("OnFailure");
  EXPECT_THAT(Steps(), ElementsAre("run sandbox (attempt 0)"));
  EXPECT_EQ(Status().phase(), "Pending");
}

TEST_F(CompletionTest, WhatIsKnownToBeFinishedIsNotRunAgainWhateverTheRuntimeHolds) {
  SetPolicy("OnFailure");
  observed_.sandboxes.clear();
  EXPECT_THAT(Steps(), ElementsAre("run sandbox (attempt 0)"));
  finished_ = true;
  EXPECT_THAT(Steps(), IsEmpty());
}

struct InterruptionCase {
  const char* rule;
  int32_t exit_code;
  bool stopped_by_us;
  bool seen_alive;
  int64_t deleted_at;  // It finished in second 5.
  const char* phase;
  const char* reason;
};

// Whether it ended by itself decides, not how.
TEST_F(CompletionTest, ARunThatWeStoppedIsNoResult) {
  const InterruptionCase cases[] = {
      {"stopped, and it ended well", 0, true, true, 9, "Failed", "Interrupted"},
      {"stopped, and it ended badly", 143, true, true, 9, "Failed", "Interrupted"},
      {"it ended well while it was being deleted", 0, false, true, 3, "Succeeded", ""},
      {"it ended badly while it was being deleted", 3, false, true, 3, "Failed", ""},
      {"it had ended before, as a new agent finds", 0, false, false, 6, "Succeeded", ""},
      {"it ended afterwards, as a new agent finds", 0, false, false, 5, "Failed", "Interrupted"},
  };
  for (const InterruptionCase& c : cases) {
    observed_.containers.clear();
    Exited("web", c.exit_code);
    ObservedContainer& web = observed_.containers["web"];
    if (c.stopped_by_us) web.kill = Kill{"c-web", kNow, seconds(30), false, std::nullopt};
    if (c.seen_alive) web.seen_alive = "c-web";
    DeleteAt(c.deleted_at);
    EXPECT_EQ(Status().phase(), c.phase) << c.rule;
    EXPECT_EQ(Status().reason(), c.reason) << c.rule;
  }
}

TEST_F(CompletionTest, APodThatNeverRanIsInterruptedOnceNothingOfItIsLeft) {
  DeleteAt(1);
  EXPECT_EQ(Status().phase(), "Pending");
  SandboxStopped();
  EXPECT_EQ(Status().phase(), "Failed");
  EXPECT_EQ(Status().reason(), model::kInterruptedReason);
  // Kubernetes' phases for pods that run for ever.
  SetPolicy("Always");
  EXPECT_EQ(Status().phase(), "Pending");
  Exited("web", 0);
  observed_.containers["web"].kill = Kill{"c-web", kNow, seconds(30), false, std::nullopt};
  EXPECT_EQ(Status().phase(), "Succeeded");
}

TEST_F(CompletionTest, AResultIsNotTakenBackByADeletion) {
  Exited("web", 0);
  const v1::PodStatus before = Status();
  DeleteAt(9);
  observed_.containers.clear();
  EXPECT_EQ(Status(before).phase(), "Succeeded");
  EXPECT_EQ(Status(before).reason(), "");
}

}  // namespace
}  // namespace muster::agent
