#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/workload/observed.h"
#include "agent/workload/plan.h"
#include "agent/workload/resize.h"

namespace muster::agent {

// One round of deciding. Lives for one call of PlanPod, whose insides it is: plan.cc makes things
// come up, plan_stop.cc brings them down.
class Planner {
 public:
  Planner(const PodIntent& intent, const ObservedPod& observed, MonoTime now)
      : intent_(intent), observed_(observed), now_(now) {}

  Plan Terminate();
  Plan Live();

 private:
  void Act(Action action) { plan_.actions.push_back(std::move(action)); }
  void Note(std::string text) { plan_.notes.push_back(std::move(text)); }
  void WakeAt(MonoTime at) {
    if (!plan_.wake_at || at < *plan_.wake_at) plan_.wake_at = at;
  }
  void Wait(const std::string& container, std::string reason, std::string message) {
    plan_.waiting[container] = {std::move(reason), std::move(message)};
  }
  // Nothing is under way that has to come to its end first.
  bool Quiet() const {
    return std::ranges::all_of(observed_.in_flight,
                               [this](const InFlight& flight) { return LeftBehind(flight); });
  }
  bool Idle() const { return Quiet() && plan_.actions.empty(); }
  bool LeftBehind(const InFlight& flight) const;
  bool TeardownHeld();

  // How an instance is to be ended.
  struct StopOrder {
    MonoTime deadline;
    std::string why;
    bool whole_pod = false;  // Sidecars go after those they serve.
    bool by_probe = false;
  };
  void Stop(const std::string& container, const ContainerInstance& instance,
            const StopOrder& order);
  void StopStray(const std::string& container, const ContainerInstance& instance,
                 std::chrono::seconds grace, const std::string& why, bool by_probe = false);
  bool HasTurn(const std::string& container) const;
  bool StopAllAlive(MonoTime deadline, const std::string& why);
  MonoTime ReplacementDeadline() const;
  bool StopAllSandboxes();
  void RunDown();

  std::optional<std::string> WhyNewSandbox() const;
  void MakeSandbox();
  // True when the volumes are as they should be.
  bool VolumesReady();
  // Likewise the control group. Where something may still have more than it is to have, limits are
  // only raised.
  bool GroupReady(bool only_raise);
  // True when every container that runs has what its specification says.
  bool AllResized(const SandboxInstance& sandbox);
  Resize ResizeOf(const v1::Container& container, const ContainerInstance& instance) const;
  void StopStrays(const SandboxInstance& sandbox);
  void StartContainers(const SandboxInstance& sandbox);
  const v1::Container* Find(const std::string& name, bool* is_init) const;
  std::string WhyUnhealthy(const v1::Container& container, const ContainerInstance& instance,
                           std::chrono::seconds* grace) const;
  bool Initialized(const SandboxInstance& sandbox);
  void OwePostStart(const v1::Container& container, bool is_init, const SandboxInstance& sandbox,
                    const ObservedContainer& seen);
  void StartOne(const v1::Container& container, bool is_init, const SandboxInstance& sandbox);
  bool ImageReady(const v1::Container& container, const ObservedContainer& seen);
  void ShowFailure(const v1::Container& container, const ObservedContainer& seen);
  void CollectGarbage(const SandboxInstance& sandbox);

  const PodIntent& intent_;
  const ObservedPod& observed_;
  const MonoTime now_;
  Plan plan_;
};

// Whether any instance of the container runs, or may.
bool AnyAlive(const ObservedContainer& container);
// Belongs to ending an instance.
bool EndsInstance(const Action& action);

}  // namespace muster::agent
