#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/runtime/runtime.h"
#include "agent/workload/action.h"
#include "agent/workload/probe_schedule.h"
#include "agent/workload/restart_backoff.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// What a pod should be. Plain value; borrows the pod.
struct PodIntent {
  // Null when its specification is lost: it can only be terminated.
  const v1::Pod* pod = nullptr;
  bool terminate = false;
  // The host goes down: what was terminated leaves its ended containers and their logs, for whoever
  // reads them before that, or after the boot. The next agent removes them when it is told to.
  bool keep_remains = false;
  // The whole time termination may take; never below one second.
  std::chrono::seconds grace{30};
  // Of each container, see DefinitionHash of the translation.
  std::map<std::string, std::string> hashes;
  // Changes whenever what goes into volumes and variables changes.
  std::string inputs;
  // The pod's control group and what it is to have; empty: not known yet.
  std::string group;
  // Only when terminating: it goes on until then, since somebody may still be led to it.
  std::optional<MonoTime> stop_not_before;
  // Not empty: it must wait before its sandbox is made, and this is why.
  std::string hold;
  // It has run to its end, which is known whatever the runtime still holds of it.
  bool finished = false;
  // The disk is full: of a container that runs, dead instances go too.
  bool disk_is_full = false;
};

struct SandboxInstance {
  SandboxStatus status;
  bool stopped = false;  // We stopped it, so its network is taken down.
};

struct ContainerInstance {
  ContainerStatus status;
  uint32_t restart_count = 0;
  std::string hash;  // Of the definition it was made from.
  // Of that definition; instances of older agents do not tell.
  std::optional<v1::ResourceRequirements> resources;
  std::optional<MonoTime> exited_at;  // Its finish on our clock; set exactly when exited.
  bool owes_post_start = false;       // Made by an agent that runs the hook.
  bool has_pre_stop = false;          // Made with one; counts when its specification is lost.
};

// What the probes say of a container's newest instance. Without a probe: success.
struct ProbeHealth {
  ProbeVerdict startup = ProbeVerdict::kSuccess;
  ProbeVerdict liveness = ProbeVerdict::kSuccess;
  ProbeVerdict readiness = ProbeVerdict::kSuccess;
  // When it became ready, or ceased to be; nullopt when that is when it started or ended.
  std::optional<WallTime> ready_since;

  bool started() const { return startup == ProbeVerdict::kSuccess; }
  bool ready() const { return started() && readiness == ProbeVerdict::kSuccess; }
};

// The end of one instance, as we brought it about.
struct Kill {
  std::string id;
  MonoTime since;
  std::chrono::seconds grace{0};
  bool by_probe = false;
  std::optional<MonoTime> exit_before;  // Of the instance before it.
};

// Why a step did not work, and when to try again.
struct StepFailure {
  std::string reason;  // As shown as the waiting reason of containers.
  std::string message;
  MonoTime at;
  MonoTime retry_at;
  std::string inputs;  // Tried again at once when these change.
};

enum class ImageKnowledge { kUnknown, kAbsent, kPresent, kPulled };

// One container of the pod by its name, over all its instances.
struct ObservedContainer {
  std::vector<ContainerInstance> instances;  // Newest first.
  // For the next start only, and about `image_asked`.
  ImageKnowledge image = ImageKnowledge::kUnknown;
  std::string image_asked;
  ImageStatus resolved_image;          // When present or pulled.
  std::optional<StepFailure> failure;  // Of the last start.
  RestartBackoff restarts;
  ImageBackoff pulls;  // Of image_asked.
  // Restarts that the log files of a lost instance tell of; the next count when there is none.
  uint32_t restarts_from_logs = 0;
  // Added to the next restart count: names that the runtime holds for calls long gone.
  uint32_t skipped_attempts = 0;
  int reserved_name_failures = 0;

  // Id of the instance that the runtime was told new resources of, and which.
  std::string resized, resized_to;
  std::optional<StepFailure> resize_failure;

  ProbeHealth health;
  std::optional<Kill> kill;
  std::string seen_alive;  // Id of the newest instance that this agent has seen alive.
  // Ids of the instances whose hooks have had their turn.
  std::string post_start_over, pre_stop_over;
  std::string post_start_failed;  // Id of the instance that has to go because of that.
};

struct InFlight {
  Action action;
  MonoTime since;
};

// Everything known about a pod on this node. What the runtime says is put in by the owner; what
// came of our own steps by Begin and Finish (outcome.h).
struct ObservedPod {
  // False until the runtime was listed, and while it cannot be: then nothing at all is done.
  bool known = false;
  bool network_ready = true;
  std::string network_message;

  std::vector<SandboxInstance> sandboxes;  // Newest first.
  std::map<std::string, ObservedContainer> containers;
  std::vector<InFlight> in_flight;

  std::optional<std::string> prepared_inputs;
  std::optional<StepFailure> volumes_failure;
  RetryWait volumes_retry{std::chrono::milliseconds(500), std::chrono::milliseconds(122'000)};
  std::string group;         // As it was set last.
  std::string group_raised;  // At least.
  std::optional<StepFailure> group_failure;
  RetryWait group_retry{std::chrono::milliseconds(1'000), std::chrono::milliseconds(60'000)};
  std::optional<StepFailure> sandbox_failure;
  uint32_t skipped_sandbox_attempts = 0;
  int reserved_name_failures = 0;

  RetryWait sandbox_retry{std::chrono::milliseconds(2'000), std::chrono::milliseconds(10'000)};

  // Of stopping and removing, which are held until then.
  std::optional<MonoTime> teardown_held_until;
  RetryWait teardown_retry{std::chrono::milliseconds(1'000), std::chrono::milliseconds(32'000)};

  std::optional<MonoTime> terminating_since;
  bool cleaned_up = false;
};

// The one sandbox that containers may be in: the newest, when it is ready. Null otherwise.
const SandboxInstance* CurrentSandbox(const ObservedPod& observed);
// The newest instance of a container, null when there is none.
const ContainerInstance* NewestInstance(const ObservedPod& observed, const std::string& container);
// The exit that the restart back-off counts from; nullopt: there is nothing to wait for. After a
// kill for a probe it is the one before (Kubernetes decides about the restart before the kill).
std::optional<MonoTime> ExitThatHolds(const ObservedContainer& container);
// Running or possibly running.
bool IsAlive(const ContainerStatus& status);

}  // namespace muster::agent
