#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "agent/workload/planner.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

// Steps that change nothing a termination would have to undo. A hook ends with its container.
bool Asks(const Action& action) {
  return std::holds_alternative<InspectImage>(action) ||
         std::holds_alternative<PullImage>(action) || std::holds_alternative<RunPostStart>(action);
}

}  // namespace

bool AnyAlive(const ObservedContainer& container) {
  return std::ranges::any_of(container.instances,
                             [](const ContainerInstance& i) { return IsAlive(i.status); });
}

bool EndsInstance(const Action& action) {
  return std::holds_alternative<RunPreStop>(action) ||
         std::holds_alternative<StopContainer>(action);
}

bool Planner::TeardownHeld() {
  if (!observed_.teardown_held_until || now_ >= *observed_.teardown_held_until) return false;
  WakeAt(*observed_.teardown_held_until);
  return true;
}

// A preStop hook whose time is over, or whose container is gone, is waited for no longer: what it
// started may outlive both.
bool Planner::LeftBehind(const InFlight& flight) const {
  const auto* hook = std::get_if<RunPreStop>(&flight.action);
  if (hook == nullptr) return false;
  if (now_ >= flight.since + hook->grace) return true;
  const auto found = observed_.containers.find(hook->container);
  return found == observed_.containers.end() ||
         std::ranges::none_of(found->second.instances, [hook](const ContainerInstance& i) {
           return i.status.id == hook->id && IsAlive(i.status);
         });
}

const v1::Container* Planner::Find(const std::string& name, bool* is_init) const {
  if (intent_.pod == nullptr) return nullptr;
  for (const bool init : {false, true}) {
    const v1::PodSpec& spec = intent_.pod->spec();
    for (const v1::Container& c : init ? spec.init_containers() : spec.containers()) {
      *is_init = init;
      if (c.name() == name) return &c;
    }
  }
  return nullptr;
}

// A sidecar is there for the containers of the pod and for the sidecars before it.
bool Planner::HasTurn(const std::string& container) const {
  if (intent_.pod == nullptr) return true;
  const auto alive = [this](const v1::Container& c) {
    const auto found = observed_.containers.find(c.name());
    return found != observed_.containers.end() && AnyAlive(found->second);
  };
  const v1::PodSpec& spec = intent_.pod->spec();
  bool served = std::ranges::any_of(spec.containers(), alive);
  for (int i = spec.init_containers_size() - 1; i >= 0; --i) {
    const v1::Container& init = spec.init_containers(i);
    if (!model::IsSidecar(init)) continue;
    if (init.name() == container) return !served;
    served = served || alive(init);
  }
  return true;
}

// First its hook, then the stop signal. Each once; the signal again only when there is less time
// than the stop under way was given.
void Planner::Stop(const std::string& container, const ContainerInstance& instance,
                   const StopOrder& order) {
  const std::string& id = instance.status.id;
  const ObservedContainer& seen = observed_.containers.at(container);
  const seconds left =
      std::chrono::ceil<seconds>(std::max(order.deadline - now_, MonoTime::duration::zero()));
  bool is_init = false;
  const v1::Container* spec = Find(container, &is_init);
  const bool has_hook =
      (spec != nullptr ? spec->lifecycle().has_pre_stop() : instance.has_pre_stop) &&
      seen.pre_stop_over != id && instance.status.state == ContainerState::kRunning;
  if (has_hook && left > seconds(0)) {
    for (const InFlight& flight : observed_.in_flight) {
      const auto* hook = std::get_if<RunPreStop>(&flight.action);
      if (hook == nullptr || hook->id != id) continue;
      WakeAt(order.deadline);
      return;
    }
    Act(RunPreStop{container, spec != nullptr && is_init, id, left, order.why, order.by_probe});
    Note(absl::StrCat("run preStop of ", container, ": ", order.why));
    return;
  }
  if (order.whole_pod && left > seconds(0) && !HasTurn(container)) {
    WakeAt(order.deadline);
    return;
  }
  const seconds grace = std::max(left, kGraceMin);
  for (const InFlight& flight : observed_.in_flight) {
    const auto* stop = std::get_if<StopContainer>(&flight.action);
    if (stop != nullptr && stop->id == id &&
        flight.since + stop->grace <= now_ + grace + seconds(1)) {
      return;
    }
  }
  const bool announced = seen.kill && seen.kill->id == id;
  Act(StopContainer{container, id, grace, order.why, order.by_probe, announced});
  Note(absl::StrCat("stop ", container, ": ", order.why));
}

// Ends one instance of a pod that goes on.
void Planner::StopStray(const std::string& container, const ContainerInstance& instance,
                        seconds grace, const std::string& why, bool by_probe) {
  const std::optional<Kill>& kill = observed_.containers.at(container).kill;
  const MonoTime deadline = kill && kill->id == instance.status.id
                                ? kill->since + kill->grace
                                : now_ + std::max(grace, kGraceMin);
  Stop(container, instance, {deadline, why, false, by_probe});
}

// True when nothing is alive any more.
bool Planner::StopAllAlive(MonoTime deadline, const std::string& why) {
  bool none = true;
  const bool held = TeardownHeld();
  for (const auto& [name, container] : observed_.containers) {
    for (const ContainerInstance& instance : container.instances) {
      if (!IsAlive(instance.status)) continue;
      none = false;
      if (!held) Stop(name, instance, {deadline, why, true, false});
    }
  }
  return none;
}

// When everything in the sandbox that is replaced has to be stopped: one grace period for all.
MonoTime Planner::ReplacementDeadline() const {
  MonoTime since = now_;
  for (const auto& [name, container] : observed_.containers) {
    for (const ContainerInstance& instance : container.instances) {
      if (container.kill && container.kill->id == instance.status.id) {
        since = std::min(since, container.kill->since);
      }
    }
  }
  return since + std::max(intent_.grace, kGraceMin);
}

// True when all are stopped. Also those that are not ready: their network is still to be undone.
bool Planner::StopAllSandboxes() {
  bool none = true;
  for (const SandboxInstance& sandbox : observed_.sandboxes) {
    if (sandbox.stopped && sandbox.status.state == SandboxState::kNotReady) continue;
    none = false;
    if (Quiet() && !TeardownHeld()) Act(StopSandbox{sandbox.status.id});
  }
  return none;
}

Plan Planner::Terminate() {
  if (intent_.stop_not_before && now_ < *intent_.stop_not_before) {
    WakeAt(*intent_.stop_not_before);
    Note("not stopped yet: ports of the host led to it a moment ago");
    return std::move(plan_);
  }
  const seconds total = std::max(intent_.grace, seconds(1));
  const MonoTime deadline = observed_.terminating_since.value_or(now_) + total;
  const std::string why = "the pod is to be terminated";
  const bool nothing_alive = StopAllAlive(deadline, why);
  // What is just being made would come up behind our back. Questions and pulls may be left behind.
  for (const InFlight& flight : observed_.in_flight) {
    if (!Asks(flight.action) && !LeftBehind(flight)) return std::move(plan_);
  }
  if (!nothing_alive) return std::move(plan_);
  for (const SandboxInstance& sandbox : observed_.sandboxes) {
    if (sandbox.stopped && sandbox.status.state == SandboxState::kNotReady) continue;
    if (!TeardownHeld()) {
      Act(StopSandbox{sandbox.status.id});
      Note(absl::StrCat("stop sandbox: ", why));
    }
  }
  const bool sandboxes_stopped = std::ranges::all_of(observed_.sandboxes, [](const auto& s) {
    return s.stopped && s.status.state == SandboxState::kNotReady;
  });
  if (!sandboxes_stopped) return std::move(plan_);

  plan_.stopped = true;
  if (intent_.keep_remains) {
    plan_.gone = true;
    return std::move(plan_);
  }
  if (TeardownHeld()) return std::move(plan_);
  for (const auto& [name, container] : observed_.containers) {
    for (const ContainerInstance& instance : container.instances) {
      Act(RemoveContainer{name, instance.status.id, instance.restart_count});
    }
  }
  if (!plan_.actions.empty()) return std::move(plan_);
  for (const SandboxInstance& sandbox : observed_.sandboxes) {
    Act(RemoveSandbox{sandbox.status.id});
  }
  if (!plan_.actions.empty()) return std::move(plan_);
  if (!observed_.cleaned_up) {
    Act(CleanUp{});
    return std::move(plan_);
  }
  plan_.gone = true;
  return std::move(plan_);
}

// Why a running container has to be restarted although it runs; empty: it has not. `grace` becomes
// what it gets for that.
std::string Planner::WhyUnhealthy(const v1::Container& container, const ContainerInstance& instance,
                                  seconds* grace) const {
  const ObservedContainer& seen = observed_.containers.at(container.name());
  if (seen.post_start_failed == instance.status.id) return "FailedPostStartHook";
  const auto failed = [&](ProbeVerdict verdict, const v1::Probe& probe, const char* name) {
    if (verdict != ProbeVerdict::kFailure) return std::string();
    if (probe.has_termination_grace_period_seconds()) {
      *grace = seconds(probe.termination_grace_period_seconds());
    }
    return absl::StrCat("Container ", container.name(), " failed ", name,
                        " probe, will be restarted");
  };
  std::string why = failed(seen.health.startup, container.startup_probe(), "startup");
  if (why.empty()) why = failed(seen.health.liveness, container.liveness_probe(), "liveness");
  return why;
}

void Planner::StopStrays(const SandboxInstance& sandbox) {
  if (TeardownHeld()) return;
  for (const auto& [name, container] : observed_.containers) {
    bool is_init = false;
    const v1::Container* spec = Find(name, &is_init);
    bool newest = true;
    for (const ContainerInstance& instance : container.instances) {
      const bool first_alive = newest;
      if (!IsAlive(instance.status)) continue;
      newest = false;
      seconds grace = intent_.grace;
      const auto hash = intent_.hashes.find(name);
      if (spec == nullptr) {
        StopStray(name, instance, grace, "it is not in the specification");
      } else if (instance.status.sandbox_id != sandbox.status.id) {
        StopStray(name, instance, grace, "its sandbox was replaced");
      } else if (!first_alive) {
        StopStray(name, instance, grace, "a newer instance of it runs");
      } else if (instance.status.state == ContainerState::kUnknown) {
        StopStray(name, instance, grace, "its state is unknown");
      } else if (hash != intent_.hashes.end() && DefinitionChanged(instance.hash, hash->second)) {
        StopStray(name, instance, grace,
                  absl::StrCat("Container ", name, " definition changed, will be restarted"));
      } else if (ResizeOf(*spec, instance) == Resize::kRestart) {
        StopStray(name, instance, grace,
                  absl::StrCat("Container ", name, " resize requires restart"));
      } else if (&instance == &container.instances.front()) {
        const std::string why = WhyUnhealthy(*spec, instance, &grace);
        if (!why.empty()) {
          StopStray(name, instance, grace, why, container.post_start_failed != instance.status.id);
        }
      }
    }
  }
}

}  // namespace muster::agent
