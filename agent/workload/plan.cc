#include "agent/workload/plan.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/workload/duration_text.h"
#include "agent/workload/image_step.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

constexpr seconds kNetworkRetry{1};

// Steps that change nothing a termination would have to undo.
bool Asks(const Action& action) {
  return std::holds_alternative<InspectImage>(action) || std::holds_alternative<PullImage>(action);
}

bool AnyAlive(const ObservedContainer& container) {
  return std::ranges::any_of(container.instances,
                             [](const ContainerInstance& i) { return IsAlive(i.status); });
}

// One round of deciding. Lives for one call of PlanPod.
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
  bool Idle() const { return observed_.in_flight.empty() && plan_.actions.empty(); }
  bool TeardownHeld();

  void Stop(const std::string& container, const ContainerInstance& instance, seconds grace,
            const std::string& why);
  bool StopAllAlive(seconds grace, const std::string& why);
  bool StopAllSandboxes();

  std::optional<std::string> WhyNewSandbox() const;
  void MakeSandbox();
  // True when the volumes are as they should be.
  bool VolumesReady();
  void StopStrays(const SandboxInstance& sandbox);
  void StartContainers(const SandboxInstance& sandbox);
  bool Initialized(const SandboxInstance& sandbox);
  void StartOne(const v1::Container& container, bool is_init, const SandboxInstance& sandbox);
  bool ImageReady(const v1::Container& container, const ObservedContainer& seen);
  void ShowFailure(const v1::Container& container, const ObservedContainer& seen);
  void CollectGarbage(const SandboxInstance& sandbox);

  const PodIntent& intent_;
  const ObservedPod& observed_;
  const MonoTime now_;
  Plan plan_;
};

bool Planner::TeardownHeld() {
  if (!observed_.teardown_held_until || now_ >= *observed_.teardown_held_until) return false;
  WakeAt(*observed_.teardown_held_until);
  return true;
}

// Stops once; again only when there is less time than the stop under way was given.
void Planner::Stop(const std::string& container, const ContainerInstance& instance, seconds grace,
                   const std::string& why) {
  const MonoTime deadline = now_ + grace;
  for (const InFlight& flight : observed_.in_flight) {
    const auto* stop = std::get_if<StopContainer>(&flight.action);
    if (stop != nullptr && stop->id == instance.status.id &&
        flight.since + stop->grace <= deadline + seconds(1)) {
      return;
    }
  }
  Act(StopContainer{container, instance.status.id, grace, why});
  Note(absl::StrCat("stop ", container, ": ", why));
}

// True when nothing is alive any more.
bool Planner::StopAllAlive(seconds grace, const std::string& why) {
  bool none = true;
  const bool held = TeardownHeld();
  for (const auto& [name, container] : observed_.containers) {
    for (const ContainerInstance& instance : container.instances) {
      if (!IsAlive(instance.status)) continue;
      none = false;
      if (!held) Stop(name, instance, grace, why);
    }
  }
  return none;
}

// True when all are stopped. Also those that are not ready: their network is still to be undone.
bool Planner::StopAllSandboxes() {
  bool none = true;
  for (const SandboxInstance& sandbox : observed_.sandboxes) {
    if (sandbox.stopped && sandbox.status.state == SandboxState::kNotReady) continue;
    none = false;
    if (observed_.in_flight.empty() && !TeardownHeld()) Act(StopSandbox{sandbox.status.id});
  }
  return none;
}

Plan Planner::Terminate() {
  const seconds total = std::max(intent_.grace, seconds(1));
  const MonoTime deadline = observed_.terminating_since.value_or(now_) + total;
  const seconds left =
      std::max(kGraceMin, std::chrono::ceil<seconds>(std::max(deadline - now_, Duration::zero())));
  const std::string why = "the pod is to be terminated";
  const bool nothing_alive = StopAllAlive(left, why);
  // What is just being made would come up behind our back. Questions and pulls may be left behind.
  for (const InFlight& flight : observed_.in_flight) {
    if (!Asks(flight.action)) return std::move(plan_);
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

// Kubernetes: kubelet's podSandboxChanged.
std::optional<std::string> Planner::WhyNewSandbox() const {
  if (observed_.sandboxes.empty()) return "there is none";
  const auto ready = std::ranges::count_if(observed_.sandboxes, [](const SandboxInstance& s) {
    return s.status.state == SandboxState::kReady;
  });
  if (ready > 1) return "several are ready";
  const SandboxStatus& newest = observed_.sandboxes.front().status;
  if (newest.state != SandboxState::kReady) return "the newest is not ready";
  const bool host_network = intent_.pod->spec().host_network();
  if (newest.network && (*newest.network == NamespaceMode::kNode) != host_network) {
    return "its network is not the one asked for";
  }
  if (newest.network && !host_network && newest.ips.empty()) return "it has no address";
  return std::nullopt;
}

bool Planner::VolumesReady() {
  if (observed_.prepared_inputs == intent_.inputs) return true;
  const std::optional<StepFailure>& failure = observed_.volumes_failure;
  if (failure) plan_.blocked = WaitingReason{failure->reason, failure->message};
  if (failure && failure->inputs == intent_.inputs && now_ < failure->retry_at) {
    WakeAt(failure->retry_at);
  } else if (Idle()) {
    Act(PrepareVolumes{intent_.inputs});
  }
  return false;
}

void Planner::MakeSandbox() {
  if (!intent_.hold.empty()) {
    plan_.blocked = WaitingReason{"", intent_.hold};
    return;
  }
  if (!VolumesReady()) return;
  if (!intent_.pod->spec().host_network() && !observed_.network_ready) {
    plan_.blocked = WaitingReason{"NetworkNotReady", observed_.network_message};
    WakeAt(now_ + kNetworkRetry);
    return;
  }
  const std::optional<StepFailure>& failure = observed_.sandbox_failure;
  if (failure) plan_.blocked = WaitingReason{failure->reason, failure->message};
  if (failure && now_ < failure->retry_at) {
    WakeAt(failure->retry_at);
    return;
  }
  if (!Idle()) return;
  uint32_t attempt = 0;
  for (const SandboxInstance& sandbox : observed_.sandboxes) {
    attempt = std::max(attempt, sandbox.status.attempt + 1);
  }
  Act(RunSandbox{attempt + observed_.skipped_sandbox_attempts});
}

void Planner::StopStrays(const SandboxInstance& sandbox) {
  if (TeardownHeld()) return;
  const seconds grace = std::max(intent_.grace, kGraceMin);
  std::map<std::string, const v1::Container*> wanted;
  for (const v1::Container& c : intent_.pod->spec().init_containers()) wanted[c.name()] = &c;
  for (const v1::Container& c : intent_.pod->spec().containers()) wanted[c.name()] = &c;
  for (const auto& [name, container] : observed_.containers) {
    bool newest = true;
    for (const ContainerInstance& instance : container.instances) {
      const bool first_alive = newest;
      if (!IsAlive(instance.status)) continue;
      newest = false;
      const auto hash = intent_.hashes.find(name);
      if (!wanted.contains(name)) {
        Stop(name, instance, grace, "it is not in the specification");
      } else if (instance.status.sandbox_id != sandbox.status.id) {
        Stop(name, instance, grace, "its sandbox was replaced");
      } else if (!first_alive) {
        Stop(name, instance, grace, "a newer instance of it runs");
      } else if (instance.status.state == ContainerState::kUnknown) {
        Stop(name, instance, grace, "its state is unknown");
      } else if (hash != intent_.hashes.end() && DefinitionChanged(instance.hash, hash->second)) {
        Stop(name, instance, grace,
             absl::StrCat("Container ", name, " definition changed, will be restarted"));
      }
    }
  }
}

// Decides by the last init container that has an instance in this sandbox; starts what is next.
bool Planner::Initialized(const SandboxInstance& sandbox) {
  const v1::PodSpec& spec = intent_.pod->spec();
  if (spec.init_containers().empty()) return true;
  for (const v1::Container& container : spec.containers()) {
    const ContainerInstance* instance = NewestInstance(observed_, container.name());
    if (instance != nullptr && instance->status.sandbox_id == sandbox.status.id &&
        instance->status.state != ContainerState::kExited) {
      return true;
    }
  }
  int next = 0;
  for (int i = spec.init_containers_size() - 1; i >= 0; --i) {
    const ContainerInstance* instance = NewestInstance(observed_, spec.init_containers(i).name());
    if (instance == nullptr || instance->status.sandbox_id != sandbox.status.id) continue;
    // One that still runs is "next" as well: starting what runs does nothing.
    const bool done =
        instance->status.state == ContainerState::kExited && instance->status.exit_code == 0;
    next = done ? i + 1 : i;
    break;
  }
  if (next == spec.init_containers_size()) return true;
  StartOne(spec.init_containers(next), true, sandbox);
  return false;
}

void Planner::StartContainers(const SandboxInstance& sandbox) {
  if (!Initialized(sandbox)) return;
  for (const v1::Container& container : intent_.pod->spec().containers()) {
    StartOne(container, false, sandbox);
  }
}

// The last error for a moment, then that we wait for the next try.
void Planner::ShowFailure(const v1::Container& container, const ObservedContainer& seen) {
  const StepFailure& failure = *seen.failure;
  const MonoTime shown_until = failure.at + kErrorShownFor;
  if (now_ < shown_until) WakeAt(shown_until);
  if (now_ >= shown_until && failure.reason == "ErrImagePull") {
    Wait(container.name(), "ImagePullBackOff",
         absl::StrCat("Back-off pulling image \"", container.image(), "\""));
  } else {
    Wait(container.name(), failure.reason, failure.message);
  }
}

// True when the next instance can be made from an image; otherwise something is done about it or
// awaited.
bool Planner::ImageReady(const v1::Container& container, const ObservedContainer& seen) {
  const absl::StatusOr<std::string> image = ImageToAskFor(container.image());
  if (!image.ok()) {
    Wait(container.name(), "InvalidImageName", std::string(image.status().message()));
    return false;
  }
  const PullPolicy policy = PullPolicyOf(container);
  const bool asked = seen.image_asked == *image;
  const ImageKnowledge knowledge = asked ? seen.image : ImageKnowledge::kUnknown;
  if (knowledge == ImageKnowledge::kPulled) return true;
  if (knowledge == ImageKnowledge::kPresent && policy != PullPolicy::kAlways) return true;
  if (const auto held = asked ? seen.pulls.HeldUntil(now_) : std::nullopt) {
    WakeAt(*held);
    return false;
  }
  if (!Idle()) return false;
  if (knowledge == ImageKnowledge::kUnknown && policy != PullPolicy::kAlways) {
    Act(InspectImage{container.name(), *image, policy != PullPolicy::kNever});
  } else if (policy != PullPolicy::kNever) {
    Act(PullImage{container.name(), *image});
  }
  return false;
}

void Planner::StartOne(const v1::Container& container, bool is_init,
                       const SandboxInstance& sandbox) {
  static const ObservedContainer kNeverSeen;
  const auto found = observed_.containers.find(container.name());
  const ObservedContainer& seen = found == observed_.containers.end() ? kNeverSeen : found->second;
  if (AnyAlive(seen)) return;

  const ContainerInstance* newest = seen.instances.empty() ? nullptr : &seen.instances.front();
  const auto hash = intent_.hashes.find(container.name());
  const bool changed = newest != nullptr && hash != intent_.hashes.end() &&
                       DefinitionChanged(newest->hash, hash->second);
  if (newest != nullptr && newest->exited_at && !changed) {
    if (const std::optional<MonoTime> held = seen.restarts.HeldUntil(*newest->exited_at, now_)) {
      WakeAt(*held);
      if (seen.failure && now_ < seen.failure->at + kErrorShownFor) {
        ShowFailure(container, seen);
        return;
      }
      const v1::ObjectMeta& meta = intent_.pod->metadata();
      Wait(container.name(), "CrashLoopBackOff",
           absl::StrCat("back-off ", DurationText(seen.restarts.wait()),
                        " restarting failed container=", container.name(), " pod=", meta.name(),
                        "_", meta.namespace_(), "(", meta.uid(), ")"));
      return;
    }
  }
  if (seen.failure) {
    ShowFailure(container, seen);
    if (now_ < seen.failure->retry_at && seen.failure->inputs == intent_.inputs) {
      WakeAt(seen.failure->retry_at);
      return;
    }
  }
  if (!ImageReady(container, seen) || !Idle()) return;
  uint32_t count = seen.restarts_from_logs;
  for (const ContainerInstance& instance : seen.instances) {
    count = std::max(count, instance.restart_count + 1);
  }
  Act(LaunchContainer{container.name(), is_init, sandbox.status.id, sandbox.status.attempt,
                      count + seen.skipped_attempts, intent_.inputs});
}

// Keeps the newest dead instance of each container, and the current sandbox.
void Planner::CollectGarbage(const SandboxInstance& sandbox) {
  if (TeardownHeld()) return;
  std::set<std::string> used;
  for (const auto& [name, container] : observed_.containers) {
    bool kept_dead = false;
    for (size_t i = 0; i < container.instances.size(); ++i) {
      const ContainerInstance& instance = container.instances[i];
      used.insert(instance.status.sandbox_id);
      const bool exited = instance.status.state == ContainerState::kExited;
      const bool abandoned = instance.status.state == ContainerState::kCreated && i > 0;
      if ((exited && kept_dead) || abandoned) {
        Act(RemoveContainer{name, instance.status.id, instance.restart_count});
      }
      kept_dead = kept_dead || exited;
    }
  }
  for (const SandboxInstance& old : observed_.sandboxes) {
    if (&old == &sandbox || used.contains(old.status.id)) continue;
    if (old.stopped) {
      Act(RemoveSandbox{old.status.id});
    } else {
      Act(StopSandbox{old.status.id});
    }
  }
}

Plan Planner::Live() {
  const std::optional<std::string> replace = WhyNewSandbox();
  if (replace) {
    const seconds grace = std::max(intent_.grace, kGraceMin);
    if (!observed_.sandboxes.empty()) Note(absl::StrCat("new sandbox: ", *replace));
    if (StopAllAlive(grace, "Pod sandbox changed, it will be killed and re-created.") &&
        StopAllSandboxes()) {
      MakeSandbox();
    }
  } else {
    const SandboxInstance& sandbox = observed_.sandboxes.front();
    if (observed_.in_flight.empty()) StopStrays(sandbox);
    if (VolumesReady()) StartContainers(sandbox);
    if (Idle()) CollectGarbage(sandbox);
  }
  // One serial worker for each pod: what is under way comes to its end first.
  if (!observed_.in_flight.empty()) plan_.actions.clear();
  return std::move(plan_);
}

}  // namespace

Plan PlanPod(const PodIntent& intent, const ObservedPod& observed, MonoTime now) {
  if (!observed.known) {
    Plan plan;
    plan.notes.push_back("what the runtime holds is not known");
    return plan;
  }
  Planner planner(intent, observed, now);
  return intent.terminate || intent.pod == nullptr ? planner.Terminate() : planner.Live();
}

bool DefinitionChanged(const std::string& made_from, const std::string& wanted) {
  if (made_from.substr(0, made_from.find('-')) != wanted.substr(0, wanted.find('-'))) return false;
  return made_from != wanted;
}

}  // namespace muster::agent
