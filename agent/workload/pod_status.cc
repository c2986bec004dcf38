#include "agent/workload/pod_status.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "agent/workload/completion.h"
#include "agent/workload/container_statuses.h"
#include "common/model/daemon_job.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

constexpr char kResizeInProgress[] = "PodResizeInProgress";
constexpr char kResizePending[] = "PodResizePending";

// They are there as long as they hold, and never False.
bool IsOfResize(const std::string& type) {
  return type == kResizeInProgress || type == kResizePending;
}

const v1::ContainerStatus* FindByName(
    const google::protobuf::RepeatedPtrField<v1::ContainerStatus>& statuses,
    const std::string& name) {
  for (const v1::ContainerStatus& status : statuses) {
    if (status.name() == name) return &status;
  }
  return nullptr;
}

struct Verdict {
  bool holds = true;
  std::string reason, message;
  // When it came to be true or false, as far as the runtime tells.
  std::optional<WallTime> since;
};

void SetCondition(const std::string& type, const Verdict& verdict, const v1::PodStatus& previous,
                  WallTime now, v1::PodStatus& status) {
  v1::PodCondition& condition = *status.add_conditions();
  condition.set_type(type);
  condition.set_status(verdict.holds ? "True" : "False");
  if (!verdict.holds) {
    condition.set_reason(verdict.reason);
    condition.set_message(verdict.message);
  }
  for (const v1::PodCondition& old : previous.conditions()) {
    if (old.type() == type && old.status() == condition.status() &&
        old.has_last_transition_time()) {
      *condition.mutable_last_transition_time() = old.last_transition_time();
      return;
    }
  }
  *condition.mutable_last_transition_time() = ToApiTime(verdict.since.value_or(now));
}

Verdict SandboxReady(const StatusInput& input) {
  const SandboxInstance* sandbox = CurrentSandbox(input.observed);
  if (sandbox != nullptr) return {true, "", "", sandbox->status.created_at};
  return {false, "PodSandboxNotReady", "", std::nullopt};
}

Verdict Initialized(const StatusInput& input, const v1::PodStatus& status) {
  const v1::PodSpec& spec = input.pod.spec();
  if (spec.init_containers().empty()) return {true, "", "", input.start_time};
  std::vector<std::string> incomplete;
  WallTime since = input.start_time;
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    const v1::ContainerStatus& init = status.init_container_statuses(i);
    const bool sidecar = model::IsSidecar(spec.init_containers(i));
    if (!(sidecar ? init.started() : init.ready())) incomplete.push_back(init.name());
    const ContainerInstance* instance = NewestInstance(input.observed, init.name());
    if (instance == nullptr) continue;
    since = std::max(since, sidecar ? instance->status.started_at : instance->status.finished_at);
  }
  const bool any_started =
      std::ranges::any_of(status.container_statuses(), [](const v1::ContainerStatus& c) {
        return c.state().has_running() || c.state().has_terminated() ||
               c.last_state().has_terminated();
      });
  if (incomplete.empty() || any_started) return {true, "", "", since};
  return {false, "ContainersNotInitialized",
          absl::StrCat("containers with incomplete status: [", absl::StrJoin(incomplete, " "), "]"),
          std::nullopt};
}

Verdict ContainersReady(const StatusInput& input, const v1::PodStatus& status) {
  if (status.phase() == "Failed") return {false, "PodFailed", "", std::nullopt};
  if (status.phase() == "Succeeded") return {false, "PodCompleted", "", std::nullopt};
  std::vector<std::string> unready;
  WallTime since_ready, since_unready;
  const auto look_at = [&](const v1::ContainerStatus& container) {
    if (!container.ready()) unready.push_back(container.name());
    const ContainerInstance* instance = NewestInstance(input.observed, container.name());
    if (instance == nullptr) return;
    const WallTime probed =
        input.observed.containers.at(container.name()).health.ready_since.value_or(WallTime());
    if (container.ready()) {
      since_ready = std::max({since_ready, instance->status.started_at, probed});
    } else {
      since_unready = std::max({since_unready, instance->status.finished_at, probed});
    }
  };
  for (int i = 0; i < input.pod.spec().init_containers_size(); ++i) {
    const bool sidecar = model::IsSidecar(input.pod.spec().init_containers(i));
    if (sidecar) look_at(status.init_container_statuses(i));
  }
  for (const v1::ContainerStatus& container : status.container_statuses()) look_at(container);
  const auto known = [](WallTime at) { return at > WallTime() ? std::optional(at) : std::nullopt; };
  if (unready.empty()) return {true, "", "", known(since_ready)};
  return {false, "ContainersNotReady",
          absl::StrCat("containers with unready status: [", absl::StrJoin(unready, " "), "]"),
          known(since_unready)};
}

void SetAddresses(const StatusInput& input, v1::PodStatus& status) {
  if (!input.host_ips.empty()) status.set_host_ip(input.host_ips.front());
  for (const std::string& ip : input.host_ips) status.add_host_ips()->set_ip(ip);
  // Only of a sandbox that is ready: one that is not still tells its old address.
  const SandboxInstance* sandbox = CurrentSandbox(input.observed);
  if (sandbox == nullptr) return;
  const std::vector<std::string>& ips =
      input.pod.spec().host_network() ? input.host_ips : sandbox->status.ips;
  if (!ips.empty()) status.set_pod_ip(ips.front());
  for (const std::string& ip : ips) status.add_pod_ips()->set_ip(ip);
}

// There as long as a container runs with other resources than its specification says, as Kubernetes
// has it.
void SetResizeInProgress(const StatusInput& input, const v1::PodStatus& previous, WallTime now,
                         v1::PodStatus& status) {
  const v1::PodSpec& spec = input.pod.spec();
  bool in_progress = false;
  std::string error;
  const auto look_at = [&](const v1::Container& container, const v1::ContainerStatus& shown) {
    if (!shown.has_resources() ||
        ResizeTarget(shown.resources()) == ResizeTarget(container.resources())) {
      return;
    }
    in_progress = true;
    const auto seen = input.observed.containers.find(container.name());
    if (seen == input.observed.containers.end() || !seen->second.resize_failure) return;
    error = absl::StrCat(container.name(), ": ", seen->second.resize_failure->message);
  };
  for (int i = 0; i < spec.init_containers_size(); ++i) {
    look_at(spec.init_containers(i), status.init_container_statuses(i));
  }
  for (int i = 0; i < spec.containers_size(); ++i) {
    look_at(spec.containers(i), status.container_statuses(i));
  }
  if (!in_progress) return;
  SetCondition(kResizeInProgress, {true, "", "", std::nullopt}, previous, now, status);
  if (error.empty()) return;
  v1::PodCondition& condition = *status.mutable_conditions(status.conditions_size() - 1);
  condition.set_reason("Error");
  condition.set_message(error);
}

void SetResizePending(const StatusInput& input, const v1::PodStatus& previous, WallTime now,
                      v1::PodStatus& status) {
  if (input.resize_refusal == nullptr) return;
  SetCondition(kResizePending, {true, "", "", std::nullopt}, previous, now, status);
  v1::PodCondition& condition = *status.mutable_conditions(status.conditions_size() - 1);
  condition.set_reason(input.resize_refusal->reason);
  condition.set_message(input.resize_refusal->message);
}

// A container is just being started, and may yet come up.
bool IsLaunching(const ObservedPod& observed) {
  return std::ranges::any_of(observed.in_flight, [](const InFlight& flight) {
    return std::holds_alternative<LaunchContainer>(flight.action);
  });
}

// A run that we ended says nothing of how it would have ended, whatever its exit code.
void SetInterrupted(const StatusInput& input, v1::PodStatus& status) {
  const bool ended = status.phase() == "Succeeded" || status.phase() == "Failed";
  if (ended ? !WasInterrupted(input.pod, input.observed) : !input.plan.stopped) return;
  status.set_phase("Failed");
  status.set_reason(model::kInterruptedReason);
  status.set_message("The pod was stopped before it had run to its end");
}

}  // namespace

bool IsReady(const v1::PodStatus& status) {
  return std::ranges::any_of(status.conditions(), [](const v1::PodCondition& condition) {
    return condition.type() == "Ready" && condition.status() == "True";
  });
}

v1::Time ToApiTime(WallTime time) {
  v1::Time result;
  result.set_seconds(std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()).count());
  return result;
}

v1::PodStatus MakePodStatus(const StatusInput& input, const v1::PodStatus& previous, WallTime now) {
  const v1::PodSpec& spec = input.pod.spec();
  v1::PodStatus status;
  status.set_observed_generation(input.pod.metadata().generation());
  status.set_qos_class(std::string(model::QosClass(spec)));
  *status.mutable_start_time() = ToApiTime(input.start_time);
  SetAddresses(input, status);
  for (const v1::Container& container : spec.init_containers()) {
    *status.add_init_container_statuses() =
        MakeContainerStatus(input, container, true,
                            FindByName(previous.init_container_statuses(), container.name()), now);
  }
  for (const v1::Container& container : spec.containers()) {
    *status.add_container_statuses() = MakeContainerStatus(
        input, container, false, FindByName(previous.container_statuses(), container.name()), now);
  }
  const bool was_final = previous.phase() == "Failed" || previous.phase() == "Succeeded";
  if (was_final) {
    status.set_phase(previous.phase());
    status.set_reason(previous.reason());
    status.set_message(previous.message());
  } else if (input.disruption != nullptr && input.plan.stopped) {
    status.set_phase("Failed");
    status.set_reason(input.disruption->reason);
    status.set_message(input.disruption->message);
  } else if (input.disruption != nullptr) {
    // How its containers end is our doing, so they cannot tell.
    status.set_phase(PhaseOf(input.pod, status, false));
  } else {
    status.set_phase(PhaseOf(input.pod, status, input.terminating && !IsLaunching(input.observed)));
    if (RunsToItsEnd(input.pod) && input.terminating) SetInterrupted(input, status);
  }

  Verdict scheduled{true, "", "", input.start_time};
  const v1::Time& created = input.pod.metadata().creation_timestamp();
  if (input.pod.metadata().has_creation_timestamp()) {
    scheduled.since = WallTime(std::chrono::seconds(created.seconds()));
  }
  const Verdict ready = ContainersReady(input, status);
  SetCondition("PodReadyToStartContainers", SandboxReady(input), previous, now, status);
  SetCondition("Initialized", Initialized(input, status), previous, now, status);
  SetCondition("Ready", ready, previous, now, status);
  SetCondition("ContainersReady", ready, previous, now, status);
  SetCondition("PodScheduled", scheduled, previous, now, status);
  SetResizePending(input, previous, now, status);
  SetResizeInProgress(input, previous, now, status);
  if (input.disruption != nullptr) {
    SetCondition("DisruptionTarget", {true, "", "", std::nullopt}, previous, now, status);
    v1::PodCondition& target = *status.mutable_conditions(status.conditions_size() - 1);
    target.set_reason("TerminationByKubelet");
    target.set_message(input.disruption->message);
  }
  for (const v1::PodCondition& old : previous.conditions()) {
    const bool ours = std::ranges::any_of(
        status.conditions(), [&old](const v1::PodCondition& c) { return c.type() == old.type(); });
    if (!ours && !IsOfResize(old.type())) *status.add_conditions() = old;
  }
  return status;
}

v1::PodStatus MakeRejectedStatus(const v1::Pod& pod, const std::string& reason,
                                 const std::string& message, WallTime now) {
  v1::PodStatus status;
  status.set_observed_generation(pod.metadata().generation());
  status.set_phase("Failed");
  status.set_reason(reason);
  status.set_message(message);
  status.set_qos_class(std::string(model::QosClass(pod.spec())));
  *status.mutable_start_time() = ToApiTime(now);
  return status;
}

}  // namespace muster::agent
