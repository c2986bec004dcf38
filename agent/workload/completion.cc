#include "agent/workload/completion.h"

#include <algorithm>
#include <chrono>

#include "common/model/resources.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

bool IsAnyAlive(const ObservedContainer& container) {
  return std::ranges::any_of(container.instances,
                             [](const ContainerInstance& each) { return IsAlive(each.status); });
}

const ObservedContainer& SeenOf(const ObservedPod& observed, const std::string& name) {
  static const ObservedContainer kNeverSeen;
  const auto found = observed.containers.find(name);
  return found == observed.containers.end() ? kNeverSeen : found->second;
}

bool HasFailed(const ObservedContainer& seen) {
  if (seen.instances.empty()) return false;
  const ContainerStatus& newest = seen.instances.front().status;
  return newest.state == ContainerState::kExited && newest.exit_code != 0;
}

}  // namespace

bool RunsToItsEnd(const v1::Pod& pod) {
  return pod.spec().restart_policy() == "OnFailure" || pod.spec().restart_policy() == "Never";
}

bool IsLost(const ObservedContainer& seen) {
  return seen.instances.empty() && seen.restarts_from_logs > 0;
}

bool HasHadItsRun(const v1::Pod& pod, bool is_init, const ObservedContainer& seen) {
  // That an init container is not run twice in one sandbox is decided where they take turns.
  if (!RunsToItsEnd(pod) || is_init) return false;
  const bool never = pod.spec().restart_policy() == "Never";
  if (seen.instances.empty()) return never && IsLost(seen);
  const ContainerStatus& newest = seen.instances.front().status;
  if (newest.state != ContainerState::kExited) return false;
  return never || newest.exit_code == 0;
}

bool HasRunToItsEnd(const v1::Pod& pod, const ObservedPod& observed) {
  if (!RunsToItsEnd(pod)) return false;
  const v1::PodSpec& spec = pod.spec();
  const auto alive = [&](const v1::Container& container) {
    return IsAnyAlive(SeenOf(observed, container.name()));
  };
  if (std::ranges::any_of(spec.containers(), alive)) return false;
  if (spec.restart_policy() == "Never") {
    for (const v1::Container& init : spec.init_containers()) {
      const ObservedContainer& seen = SeenOf(observed, init.name());
      if (!model::IsSidecar(init) && !IsAnyAlive(seen) && HasFailed(seen)) return true;
    }
  }
  return std::ranges::all_of(spec.containers(), [&](const v1::Container& container) {
    return HasHadItsRun(pod, false, SeenOf(observed, container.name()));
  });
}

bool WasInterrupted(const v1::Pod& pod, const ObservedPod& observed) {
  const v1::ObjectMeta& meta = pod.metadata();
  for (const v1::Container& container : pod.spec().containers()) {
    const ObservedContainer& seen = SeenOf(observed, container.name());
    if (seen.instances.empty()) continue;
    const ContainerInstance& newest = seen.instances.front();
    if (seen.kill && seen.kill->id == newest.status.id) return true;
    if (seen.seen_alive == newest.status.id || !meta.has_deletion_timestamp()) continue;
    const seconds asked(meta.deletion_timestamp().seconds() - meta.deletion_grace_period_seconds());
    if (newest.status.finished_at >= WallTime(asked)) return true;
  }
  return false;
}

}  // namespace muster::agent
