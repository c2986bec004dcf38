#include "agent/workload/container_statuses.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/workload/completion.h"
#include "agent/workload/resize.h"
#include "common/manifest/utf8.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

constexpr int kMessageBytesMax = 12 * 1024;

std::string ContainerId(const StatusInput& input, const std::string& id) {
  return absl::StrCat(input.runtime_name, "://", id);
}

void SetTerminated(const StatusInput& input, const ContainerInstance& instance,
                   v1::ContainerState& state) {
  const ContainerStatus& status = instance.status;
  v1::ContainerStateTerminated& terminated = *state.mutable_terminated();
  terminated.set_exit_code(status.exit_code);
  terminated.set_reason(!status.reason.empty()  ? status.reason
                        : status.exit_code == 0 ? "Completed"
                                                : "Error");
  std::string message = status.message;
  const auto left = input.termination_messages.find(status.id);
  if (left != input.termination_messages.end() && !left->second.empty()) {
    absl::StrAppend(&message, message.empty() ? "" : ": ", left->second);
  }
  // Kubernetes: 12 KiB for all containers of a pod together.
  const v1::PodSpec& spec = input.pod.spec();
  const int share =
      kMessageBytesMax / std::max(1, spec.containers_size() + spec.init_containers_size());
  // A container may leave any bytes, and the end of a text may begin within a character; what is no
  // UTF-8 could not be told to the coordinator, and with it nothing else of this node.
  terminated.set_message(manifest::ValidUtf8(message, static_cast<size_t>(share)));
  // A process that never came up has no start of its own.
  if (status.started_at > WallTime())
    *terminated.mutable_started_at() = ToApiTime(status.started_at);
  if (status.finished_at > WallTime()) {
    *terminated.mutable_finished_at() = ToApiTime(status.finished_at);
  }
  terminated.set_container_id(ContainerId(input, status.id));
}

// What was running and has left no trace.
void SetVanished(const std::string& container_id, v1::ContainerState& state) {
  v1::ContainerStateTerminated& terminated = *state.mutable_terminated();
  terminated.set_exit_code(137);
  terminated.set_reason("ContainerStatusUnknown");
  terminated.set_message(
      "The container could not be located when the pod was deleted.  The container used to be "
      "Running");
  terminated.set_container_id(container_id);
}

// What a running container has: what it was made with, or was resized to. An agent that has just
// started has not told the runtime yet what may have been told before.
void SetResources(const v1::Container& container, const ObservedContainer& seen,
                  const ContainerInstance& instance, const v1::ContainerStatus* previous,
                  v1::ContainerStatus& result) {
  const v1::ResourceRequirements& wanted = container.resources();
  if (wanted.limits().empty() && wanted.requests().empty()) return;
  *result.mutable_allocated_resources() = wanted.requests();
  const std::string target = ResizeTarget(wanted);
  const bool as_made = instance.resources && ResizeTarget(*instance.resources) == target;
  if (as_made || (seen.resized == instance.status.id && seen.resized_to == target)) {
    *result.mutable_resources() = wanted;
  } else if (previous != nullptr && previous->container_id() == result.container_id() &&
             previous->has_resources()) {
    *result.mutable_resources() = previous->resources();
  } else {
    *result.mutable_resources() = instance.resources.value_or(wanted);
  }
}

}  // namespace

v1::ContainerStatus MakeContainerStatus(const StatusInput& input, const v1::Container& container,
                                        bool is_init, const v1::ContainerStatus* previous,
                                        WallTime now) {
  // Of an init container that comes to an end, success is all that is asked.
  const bool lasting = !is_init || model::IsSidecar(container);
  v1::ContainerStatus result;
  result.set_name(container.name());
  result.set_image(container.image());
  result.set_started(false);

  const auto found = input.observed.containers.find(container.name());
  const bool seen = found != input.observed.containers.end() && !found->second.instances.empty();
  const ContainerInstance* newest = seen ? &found->second.instances.front() : nullptr;
  const ContainerInstance* second =
      seen && found->second.instances.size() > 1 ? &found->second.instances[1] : nullptr;

  if (newest != nullptr) {
    const ContainerStatus& status = newest->status;
    result.set_restart_count(static_cast<int32_t>(newest->restart_count));
    if (!status.image_name.empty()) result.set_image(status.image_name);
    result.set_image_id(status.image_ref);
    result.set_container_id(ContainerId(input, status.id));
    switch (status.state) {
      case ContainerState::kRunning:
        *result.mutable_state()->mutable_running()->mutable_started_at() =
            ToApiTime(status.started_at);
        SetResources(container, found->second, *newest, previous, result);
        result.set_started(found->second.health.started());
        result.set_ready(lasting && found->second.health.ready());
        break;
      case ContainerState::kExited:
        SetTerminated(input, *newest, *result.mutable_state());
        result.set_ready(!lasting && status.exit_code == 0);
        break;
      case ContainerState::kCreated:
      case ContainerState::kUnknown:
        result.mutable_state()->mutable_waiting();
        break;
    }
    if (second != nullptr && second->status.state == ContainerState::kExited) {
      SetTerminated(input, *second, *result.mutable_last_state());
    }
  } else {
    const bool pod_has_init = !input.pod.spec().init_containers().empty();
    result.mutable_state()->mutable_waiting()->set_reason(pod_has_init ? "PodInitializing"
                                                                       : "ContainerCreating");
    if (previous != nullptr) {
      result.set_restart_count(previous->restart_count());
      if (previous->state().has_running()) {
        SetVanished(previous->container_id(), *result.mutable_last_state());
        if (!input.terminating) result.set_restart_count(previous->restart_count() + 1);
      } else if (previous->has_last_state()) {
        *result.mutable_last_state() = previous->last_state();
      }
    }
    // It is not run again, so this was its end.
    if (found != input.observed.containers.end() && IsLost(found->second) &&
        HasHadItsRun(input.pod, is_init, found->second)) {
      result.clear_last_state();
      result.set_restart_count(previous == nullptr ? 0 : previous->restart_count());
      SetVanished(previous == nullptr ? "" : previous->container_id(), *result.mutable_state());
    }
  }

  const auto waiting = input.plan.waiting.find(container.name());
  if (waiting != input.plan.waiting.end() && !result.state().has_running()) {
    if (result.state().has_terminated()) {
      *result.mutable_last_state() = result.state();
    }
    result.mutable_state()->mutable_waiting()->set_reason(waiting->second.reason);
    result.mutable_state()->mutable_waiting()->set_message(waiting->second.message);
    result.set_ready(false);
  }
  return result;
}

std::string PhaseOf(const v1::Pod& pod, const v1::PodStatus& status, bool terminating) {
  int pending_init = 0, running_sidecars = 0;
  bool failed_init = false;
  std::set<std::string> sidecars;
  for (const v1::Container& init : pod.spec().init_containers()) {
    if (model::IsSidecar(init)) sidecars.insert(init.name());
  }
  for (const v1::ContainerStatus& init : status.init_container_statuses()) {
    const v1::ContainerState& state = init.state();
    if (sidecars.contains(init.name())) {
      // One that ended is started again, whatever its exit code.
      const bool never_ran = state.has_waiting() && !init.last_state().has_terminated();
      if (never_ran || (state.has_running() && !init.started())) ++pending_init;
      if (state.has_running()) ++running_sidecars;
    } else if (state.has_running() ||
               (state.has_waiting() && !init.last_state().has_terminated())) {
      ++pending_init;
    } else if (state.has_terminated() && state.terminated().exit_code() != 0) {
      ++pending_init;  // It will be run again, or was the end of the pod.
      failed_init = true;
    } else if (state.has_waiting() && init.last_state().terminated().exit_code() != 0) {
      ++pending_init;
    }
  }
  int running = 0, waiting = 0, stopped = 0, succeeded = 0;
  bool ever_started = false;
  for (const v1::ContainerStatus& container : status.container_statuses()) {
    const v1::ContainerState& state = container.state();
    if (state.has_running()) {
      ++running;
      ever_started = true;
    } else if (state.has_terminated()) {
      ++stopped;
      if (state.terminated().exit_code() == 0) ++succeeded;
      ever_started = true;
    } else if (container.last_state().has_terminated()) {
      ++stopped;
      if (container.last_state().terminated().exit_code() == 0) ++succeeded;
      ever_started = true;
    } else {
      ++waiting;
    }
  }
  if (terminating && running == 0 && stopped > 0 && waiting == 0) {
    return stopped == succeeded ? "Succeeded" : "Failed";
  }
  const bool never = pod.spec().restart_policy() == "Never";
  if (failed_init && never && !ever_started && running_sidecars == 0) return "Failed";
  if (pending_init > 0 && !ever_started) return "Pending";
  if (waiting > 0) return "Pending";
  if (RunsToItsEnd(pod) && running == 0 && stopped > 0 && running_sidecars == 0) {
    if (stopped == succeeded) return "Succeeded";
    if (never) return "Failed";
  }
  if (running > 0 || stopped > 0) return "Running";
  return "Pending";
}

}  // namespace muster::agent
