#include "coordinator/table/pod_summary.h"

#include <functional>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

constexpr int64_t kNowSeconds = 1'700'000'000;
constexpr WallTime kNow{std::chrono::seconds(kNowSeconds)};

v1::ContainerStatus& AddStatus(v1::Pod& pod, const char* name) {
  v1::ContainerStatus& status = *pod.mutable_status()->add_container_statuses();
  status.set_name(name);
  return status;
}

v1::ContainerStatus& AddInitStatus(v1::Pod& pod, const char* name) {
  v1::ContainerStatus& status = *pod.mutable_status()->add_init_container_statuses();
  status.set_name(name);
  return status;
}

void AddCondition(v1::Pod& pod, const char* type, const char* value, const char* reason = "") {
  v1::PodCondition& condition = *pod.mutable_status()->add_conditions();
  condition.set_type(type);
  condition.set_status(value);
  condition.set_reason(reason);
}

void SetRunning(v1::ContainerStatus& status, bool ready = true) {
  status.mutable_state()->mutable_running();
  status.set_ready(ready);
}

void SetTerminated(v1::ContainerStatus& status, int exit_code, const char* reason = "",
                   int signal = 0) {
  v1::ContainerStateTerminated& state = *status.mutable_state()->mutable_terminated();
  state.set_exit_code(exit_code);
  state.set_reason(reason);
  state.set_signal(signal);
}

// A pod of two containers whose phase is Running.
v1::Pod TwoContainers() {
  v1::Pod pod;
  pod.mutable_spec()->add_containers()->set_name("a");
  pod.mutable_spec()->add_containers()->set_name("b");
  pod.mutable_status()->set_phase("Running");
  return pod;
}

// Likewise, with two init containers and in phase Pending.
v1::Pod WithInitContainers() {
  v1::Pod pod = TwoContainers();
  pod.mutable_spec()->add_init_containers()->set_name("i");
  pod.mutable_spec()->add_init_containers()->set_name("j");
  pod.mutable_status()->set_phase("Pending");
  return pod;
}

struct Case {
  const char* rule;
  std::function<void(v1::Pod&)> change;
  const char* status;
  const char* ready;
};

void Check(const v1::Pod& base, const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    v1::Pod pod = base;
    c.change(pod);
    const PodSummary summary = Summarize(pod, kNow);
    EXPECT_EQ(summary.status, c.status) << c.rule;
    EXPECT_EQ(summary.ready, c.ready) << c.rule;
  }
}

// Spec: 12.2/status-start
TEST(PodStatusCell, StartsWithThePhaseReasonOrGate) {
  Check(TwoContainers(),
        {
            {"the phase", [](v1::Pod& p) { p.mutable_status()->set_phase("Pending"); }, "Pending",
             "0/2"},
            {"the reason wins over the phase",
             [](v1::Pod& p) {
               p.mutable_status()->set_phase("Failed");
               p.mutable_status()->set_reason("Evicted");
             },
             "Evicted", "0/2"},
            {"a gate wins over both",
             [](v1::Pod& p) {
               p.mutable_status()->set_reason("x");
               AddCondition(p, "PodScheduled", "False", "SchedulingGated");
             },
             "SchedulingGated", "0/2"},
            {"unschedulable is just pending",
             [](v1::Pod& p) {
               p.mutable_status()->set_phase("Pending");
               AddCondition(p, "PodScheduled", "False", "Unschedulable");
             },
             "Pending", "0/2"},
        });
}

// Spec: 12.2/status-init
TEST(PodStatusCell, WhileInitialisingTheFirstUnfinishedInitContainerDecides) {
  Check(WithInitContainers(),
        {
            {"terminated with a reason",
             [](v1::Pod& p) { SetTerminated(AddInitStatus(p, "i"), 1, "Error"); }, "Init:Error",
             "0/2"},
            {"terminated by a signal",
             [](v1::Pod& p) { SetTerminated(AddInitStatus(p, "i"), 137, "", 9); }, "Init:Signal:9",
             "0/2"},
            {"terminated with a code", [](v1::Pod& p) { SetTerminated(AddInitStatus(p, "i"), 3); },
             "Init:ExitCode:3", "0/2"},
            {"waiting with a reason",
             [](v1::Pod& p) {
               AddInitStatus(p, "i").mutable_state()->mutable_waiting()->set_reason(
                   "CrashLoopBackOff");
             },
             "Init:CrashLoopBackOff", "0/2"},
            {"waiting for the pod itself",
             [](v1::Pod& p) {
               AddInitStatus(p, "i").mutable_state()->mutable_waiting()->set_reason(
                   "PodInitializing");
             },
             "Init:0/2", "0/2"},
            {"the first runs", [](v1::Pod& p) { SetRunning(AddInitStatus(p, "i")); }, "Init:0/2",
             "0/2"},
            {"the second runs",
             [](v1::Pod& p) {
               SetTerminated(AddInitStatus(p, "i"), 0, "Completed");
               SetRunning(AddInitStatus(p, "j"));
             },
             "Init:1/2", "0/2"},
            {"all done, containers to come",
             [](v1::Pod& p) {
               SetTerminated(AddInitStatus(p, "i"), 0, "Completed");
               SetTerminated(AddInitStatus(p, "j"), 0, "Completed");
               AddStatus(p, "a").mutable_state()->mutable_waiting()->set_reason("PodInitializing");
             },
             "PodInitializing", "0/2"},
            {"an initialized pod shows its containers although an init container restarts",
             [](v1::Pod& p) {
               SetTerminated(AddInitStatus(p, "i"), 1, "Error");
               AddCondition(p, "Initialized", "True");
               AddStatus(p, "a").mutable_state()->mutable_waiting()->set_reason("ErrImagePull");
             },
             "ErrImagePull", "0/2"},
        });
}

// Spec: 12.2/ready, 12.2/status-containers
TEST(PodStatusCell, LaterTheFirstContainerWithSomethingToSayDecides) {
  Check(TwoContainers(),
        {
            {"all run",
             [](v1::Pod& p) {
               SetRunning(AddStatus(p, "a"));
               SetRunning(AddStatus(p, "b"));
             },
             "Running", "2/2"},
            {"running but not ready",
             [](v1::Pod& p) {
               SetRunning(AddStatus(p, "a"));
               SetRunning(AddStatus(p, "b"), false);
             },
             "Running", "1/2"},
            {"waiting reason",
             [](v1::Pod& p) {
               AddStatus(p, "a").mutable_state()->mutable_waiting()->set_reason("ImagePullBackOff");
               SetRunning(AddStatus(p, "b"));
             },
             "ImagePullBackOff", "1/2"},
            {"waiting without a reason says nothing",
             [](v1::Pod& p) { AddStatus(p, "a").mutable_state()->mutable_waiting(); }, "Running",
             "0/2"},
            {"terminated reason",
             [](v1::Pod& p) { SetTerminated(AddStatus(p, "a"), 1, "OOMKilled"); }, "OOMKilled",
             "0/2"},
            {"signal", [](v1::Pod& p) { SetTerminated(AddStatus(p, "a"), 137, "", 9); }, "Signal:9",
             "0/2"},
            {"exit code", [](v1::Pod& p) { SetTerminated(AddStatus(p, "a"), 2); }, "ExitCode:2",
             "0/2"},
            {"the first in order wins",
             [](v1::Pod& p) {
               SetTerminated(AddStatus(p, "a"), 1, "Error");
               AddStatus(p, "b").mutable_state()->mutable_waiting()->set_reason("CrashLoopBackOff");
             },
             "Error", "0/2"},
            {"completed beside a running one, pod ready",
             [](v1::Pod& p) {
               SetTerminated(AddStatus(p, "a"), 0, "Completed");
               SetRunning(AddStatus(p, "b"));
               AddCondition(p, "Ready", "True");
             },
             "Running", "1/2"},
            {"completed beside a running one, pod not ready",
             [](v1::Pod& p) {
               SetTerminated(AddStatus(p, "a"), 0, "Completed");
               SetRunning(AddStatus(p, "b"));
               AddCondition(p, "Ready", "False");
             },
             "NotReady", "1/2"},
            {"all completed",
             [](v1::Pod& p) {
               SetTerminated(AddStatus(p, "a"), 0, "Completed");
               SetTerminated(AddStatus(p, "b"), 0, "Completed");
             },
             "Completed", "0/2"},
        });
}

// Spec: 12.2/status-deleting
TEST(PodStatusCell, DeletionCoversTheRest) {
  v1::Pod pod = TwoContainers();
  pod.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(kNowSeconds);
  Check(pod,
        {
            {"running", [](v1::Pod& p) { SetRunning(AddStatus(p, "a")); }, "Terminating", "1/2"},
            {"node lost", [](v1::Pod& p) { p.mutable_status()->set_reason("NodeLost"); }, "Unknown",
             "0/2"},
            {"already failed",
             [](v1::Pod& p) {
               p.mutable_status()->set_phase("Failed");
               p.mutable_status()->set_reason("Evicted");
             },
             "Evicted", "0/2"},
            {"already succeeded", [](v1::Pod& p) { p.mutable_status()->set_phase("Succeeded"); },
             "Succeeded", "0/2"},
        });
}

// Spec: 12.2/ready
TEST(PodReadyCell, CountsSidecarsThatHaveStarted) {
  v1::Pod pod = WithInitContainers();
  pod.mutable_spec()->mutable_init_containers(0)->set_restart_policy("Always");
  Check(pod, {
                 {"started and ready",
                  [](v1::Pod& p) {
                    v1::ContainerStatus& sidecar = AddInitStatus(p, "i");
                    SetRunning(sidecar);
                    sidecar.set_started(true);
                    SetRunning(AddInitStatus(p, "j"));
                  },
                  "Init:1/2", "1/3"},
                 {"not started yet", [](v1::Pod& p) { SetRunning(AddInitStatus(p, "i")); },
                  "Init:0/2", "0/3"},
                 {"with the regular ones",
                  [](v1::Pod& p) {
                    p.mutable_status()->set_phase("Running");
                    v1::ContainerStatus& sidecar = AddInitStatus(p, "i");
                    SetRunning(sidecar);
                    sidecar.set_started(true);
                    SetTerminated(AddInitStatus(p, "j"), 0);
                    SetRunning(AddStatus(p, "a"));
                    SetRunning(AddStatus(p, "b"));
                  },
                  "Running", "3/3"},
             });
}

void AddRestarts(v1::ContainerStatus& status, int count, int64_t finished_before_seconds) {
  status.set_restart_count(count);
  if (finished_before_seconds > 0) {
    status.mutable_last_state()->mutable_terminated()->mutable_finished_at()->set_seconds(
        kNowSeconds - finished_before_seconds);
  }
}

// Spec: 12.2/restarts
TEST(PodRestartsCell, SumsAndNamesTheNewest) {
  v1::Pod pod = TwoContainers();
  AddRestarts(AddStatus(pod, "a"), 2, 600);
  AddRestarts(AddStatus(pod, "b"), 3, 300);
  EXPECT_EQ(Summarize(pod, kNow).restarts, "5 (5m ago)");
}

// Spec: 12.2/restarts
TEST(PodRestartsCell, LeavesOutWhatItDoesNotKnow) {
  v1::Pod pod = TwoContainers();
  AddStatus(pod, "a");
  EXPECT_EQ(Summarize(pod, kNow).restarts, "0");
  AddRestarts(*pod.mutable_status()->mutable_container_statuses(0), 2, 0);
  EXPECT_EQ(Summarize(pod, kNow).restarts, "2");
  AddRestarts(*pod.mutable_status()->mutable_container_statuses(0), 0, 60);
  EXPECT_EQ(Summarize(pod, kNow).restarts, "0") << "no restarts, whatever ended once";
}

// Spec: 12.2/restarts
TEST(PodRestartsCell, CountsInitContainersOnlyWhileInitialising) {
  v1::Pod pod = WithInitContainers();
  v1::ContainerStatus& init = AddInitStatus(pod, "i");
  AddRestarts(init, 4, 60);
  SetTerminated(init, 1, "Error");
  AddRestarts(AddStatus(pod, "a"), 1, 0);
  EXPECT_EQ(Summarize(pod, kNow).restarts, "4 (60s ago)");
  SetTerminated(*pod.mutable_status()->mutable_init_container_statuses(0), 0, "Completed");
  EXPECT_EQ(Summarize(pod, kNow).restarts, "1");
}

TEST(PodRestartsCell, AnInitializedPodCountsItsContainersAlthoughAnInitContainerRuns) {
  v1::Pod pod = WithInitContainers();
  AddCondition(pod, "Initialized", "True");
  v1::ContainerStatus& init = AddInitStatus(pod, "i");
  AddRestarts(init, 4, 0);
  SetRunning(init);
  AddRestarts(AddStatus(pod, "a"), 1, 0);
  EXPECT_EQ(Summarize(pod, kNow).restarts, "1");
}

TEST(PodRestartsCell, CountsSidecarsAlways) {
  v1::Pod pod = WithInitContainers();
  pod.mutable_spec()->mutable_init_containers(0)->set_restart_policy("Always");
  v1::ContainerStatus& sidecar = AddInitStatus(pod, "i");
  AddRestarts(sidecar, 2, 60);
  SetRunning(sidecar);
  sidecar.set_started(true);
  SetTerminated(AddInitStatus(pod, "j"), 0);
  AddRestarts(AddStatus(pod, "a"), 1, 0);
  EXPECT_EQ(Summarize(pod, kNow).restarts, "3 (60s ago)");
}

}  // namespace
}  // namespace muster::coordinator
