#include "agent/workload/observed.h"

namespace muster::agent {

const SandboxInstance* CurrentSandbox(const ObservedPod& observed) {
  if (observed.sandboxes.empty()) return nullptr;
  const SandboxInstance& newest = observed.sandboxes.front();
  return newest.status.state == SandboxState::kReady ? &newest : nullptr;
}

const ContainerInstance* NewestInstance(const ObservedPod& observed, const std::string& container) {
  const auto found = observed.containers.find(container);
  if (found == observed.containers.end() || found->second.instances.empty()) return nullptr;
  return &found->second.instances.front();
}

std::optional<MonoTime> ExitThatHolds(const ObservedContainer& container) {
  if (container.instances.empty()) return std::nullopt;
  const ContainerInstance& newest = container.instances.front();
  const std::optional<Kill>& kill = container.kill;
  if (newest.exited_at && kill && kill->by_probe && kill->id == newest.status.id) {
    return kill->exit_before;
  }
  return newest.exited_at;
}

bool IsAlive(const ContainerStatus& status) {
  return status.state == ContainerState::kRunning || status.state == ContainerState::kUnknown;
}

}  // namespace muster::agent
