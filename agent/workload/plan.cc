#include "agent/workload/plan.h"

#include <algorithm>
#include <chrono>
#include <set>

#include "absl/strings/str_cat.h"
#include "agent/workload/completion.h"
#include "agent/workload/duration_text.h"
#include "agent/workload/image_step.h"
#include "agent/workload/planner.h"
#include "common/model/resources.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

constexpr seconds kNetworkRetry{1};

}  // namespace

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

bool Planner::GroupReady(bool only_raise) {
  const std::string& wanted = intent_.group;
  if (wanted.empty() || observed_.group == wanted) return true;
  if (only_raise && observed_.group_raised == wanted) return true;
  const std::optional<StepFailure>& failure = observed_.group_failure;
  if (failure) plan_.blocked = WaitingReason{failure->reason, failure->message};
  if (failure && failure->inputs == wanted && now_ < failure->retry_at) {
    WakeAt(failure->retry_at);
  } else if (Idle()) {
    Act(EnsureGroup{wanted, only_raise});
  }
  return false;
}

Resize Planner::ResizeOf(const v1::Container& container, const ContainerInstance& instance) const {
  const Resize needed =
      ResizeNeeded(container, instance.resources, intent_.pod->metadata().generation());
  const ObservedContainer& seen = observed_.containers.at(container.name());
  const bool told =
      seen.resized == instance.status.id && seen.resized_to == ResizeTarget(container.resources());
  return needed == Resize::kInPlace && told ? Resize::kNone : needed;
}

bool Planner::AllResized(const SandboxInstance& sandbox) {
  bool all = true;
  for (const bool is_init : {true, false}) {
    const v1::PodSpec& spec = intent_.pod->spec();
    for (const v1::Container& c : is_init ? spec.init_containers() : spec.containers()) {
      const ContainerInstance* newest = NewestInstance(observed_, c.name());
      if (newest == nullptr || newest->status.state != ContainerState::kRunning ||
          newest->status.sandbox_id != sandbox.status.id) {
        continue;
      }
      const Resize needed = ResizeOf(c, *newest);
      if (needed == Resize::kNone) continue;
      all = false;
      const std::string target = ResizeTarget(c.resources());
      const auto& failure = observed_.containers.at(c.name()).resize_failure;
      if (needed == Resize::kRestart) continue;  // It is stopped, as what has changed otherwise.
      if (failure && failure->inputs == target && now_ < failure->retry_at) {
        WakeAt(failure->retry_at);
      } else if (Idle()) {
        Act(ResizeContainer{c.name(), is_init, newest->status.id, target});
      }
    }
  }
  return all;
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
  // The runtime would make it without any limits.
  if (!GroupReady(false)) return;
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

// Decides by the last init container that has an instance in this sandbox; starts what is next, and
// again those sidecars before it that ended.
bool Planner::Initialized(const SandboxInstance& sandbox) {
  const v1::PodSpec& spec = intent_.pod->spec();
  const auto instance_in_sandbox = [&](const v1::Container& container) {
    const ContainerInstance* newest = NewestInstance(observed_, container.name());
    return newest != nullptr && newest->status.sandbox_id == sandbox.status.id ? newest : nullptr;
  };
  int next = 0;
  const bool up = std::ranges::any_of(spec.containers(), [&](const v1::Container& container) {
    const ContainerInstance* instance = instance_in_sandbox(container);
    return instance != nullptr && instance->status.state != ContainerState::kExited;
  });
  if (up) next = spec.init_containers_size();
  for (int i = spec.init_containers_size() - 1; i >= 0 && !up; --i) {
    const v1::Container& init = spec.init_containers(i);
    const ContainerInstance* instance = instance_in_sandbox(init);
    if (instance == nullptr) continue;
    const ContainerStatus& status = instance->status;
    const bool running = status.state == ContainerState::kRunning;
    const bool sidecar = model::IsSidecar(init);
    const bool done = sidecar ? running && observed_.containers.at(init.name()).health.started()
                              : status.state == ContainerState::kExited && status.exit_code == 0;
    next = done ? i + 1 : i;
    break;
  }
  for (int i = 0; i < spec.init_containers_size() && i <= next; ++i) {
    const v1::Container& init = spec.init_containers(i);
    // One that still runs is started as well, which only sees to its hook.
    if (i == next || model::IsSidecar(init)) StartOne(init, true, sandbox);
  }
  return next == spec.init_containers_size();
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

// What an instance is owed that was just started.
void Planner::OwePostStart(const v1::Container& container, bool is_init,
                           const SandboxInstance& sandbox, const ObservedContainer& seen) {
  const ContainerInstance& newest = seen.instances.front();
  const std::string& id = newest.status.id;
  if (!container.lifecycle().has_post_start() || !newest.owes_post_start ||
      newest.status.state != ContainerState::kRunning ||
      newest.status.sandbox_id != sandbox.status.id || seen.post_start_over == id ||
      (seen.kill && seen.kill->id == id)) {
    return;
  }
  if (Idle()) Act(RunPostStart{container.name(), is_init, id});
}

void Planner::StartOne(const v1::Container& container, bool is_init,
                       const SandboxInstance& sandbox) {
  static const ObservedContainer kNeverSeen;
  const auto found = observed_.containers.find(container.name());
  const ObservedContainer& seen = found == observed_.containers.end() ? kNeverSeen : found->second;
  if (AnyAlive(seen)) return OwePostStart(container, is_init, sandbox, seen);
  if (HasHadItsRun(*intent_.pod, is_init, seen)) return;

  const ContainerInstance* newest = seen.instances.empty() ? nullptr : &seen.instances.front();
  const auto hash = intent_.hashes.find(container.name());
  const bool changed = newest != nullptr && hash != intent_.hashes.end() &&
                       (DefinitionChanged(newest->hash, hash->second) ||
                        ResizeOf(container, *newest) == Resize::kRestart);
  const std::optional<MonoTime> exited_at = changed ? std::nullopt : ExitThatHolds(seen);
  if (exited_at) {
    if (const std::optional<MonoTime> held = seen.restarts.HeldUntil(*exited_at, now_)) {
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
  // A StartContainer of an earlier life of ours may still be under way: it would run beside the
  // next.
  if (newest != nullptr && newest->status.state == ContainerState::kCreated) {
    if (!TeardownHeld()) {
      Act(RemoveContainer{container.name(), newest->status.id, newest->restart_count});
    }
    return;
  }
  uint32_t count = seen.restarts_from_logs;
  for (const ContainerInstance& instance : seen.instances) {
    count = std::max(count, instance.restart_count + 1);
  }
  Act(LaunchContainer{container.name(), is_init, sandbox.status.id, sandbox.status.attempt,
                      count + seen.skipped_attempts, intent_.inputs});
}

// Keeps the newest dead instance of each container, and the current sandbox. When the disk is full,
// dead instances are kept only where nothing newer tells of the container.
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
      if ((exited && (kept_dead || (intent_.disk_is_full && i > 0))) || abandoned) {
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

// Nothing is left to run. What has ended stays, for whoever reads its log.
void Planner::RunDown() {
  if (!StopAllAlive(ReplacementDeadline(), "the pod has run to its end")) return;
  if (StopAllSandboxes() && Idle() && !observed_.sandboxes.empty()) {
    CollectGarbage(observed_.sandboxes.front());
  }
}

Plan Planner::Live() {
  const bool finished = intent_.finished || HasRunToItsEnd(*intent_.pod, observed_);
  const std::optional<std::string> replace = finished ? std::nullopt : WhyNewSandbox();
  // Stopping goes on side by side; but what is being made comes to its end first.
  const bool may_stop = std::ranges::all_of(observed_.in_flight, [this](const InFlight& flight) {
    return EndsInstance(flight.action) || LeftBehind(flight);
  });
  if (finished) {
    RunDown();
  } else if (replace) {
    if (!observed_.sandboxes.empty()) Note(absl::StrCat("new sandbox: ", *replace));
    if (StopAllAlive(ReplacementDeadline(),
                     "Pod sandbox changed, it will be killed and re-created.") &&
        StopAllSandboxes()) {
      MakeSandbox();
    }
  } else {
    const SandboxInstance& sandbox = observed_.sandboxes.front();
    if (may_stop) StopStrays(sandbox);
    // The group holds up nobody: what runs is limited by itself. But what comes has to fit into it.
    if (may_stop && Idle()) (void)GroupReady(true);
    if (VolumesReady()) StartContainers(sandbox);
    if (Idle() && AllResized(sandbox) && Idle()) (void)GroupReady(false);
    if (Idle()) CollectGarbage(sandbox);
  }
  // One serial worker for each pod.
  if (!Quiet()) {
    std::erase_if(plan_.actions,
                  [may_stop](const Action& action) { return !may_stop || !EndsInstance(action); });
  }
  return std::move(plan_);
}

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
