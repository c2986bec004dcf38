#include "agent/workload/outcome.h"

#include <algorithm>
#include <chrono>
#include <string_view>

#include "absl/strings/match.h"
#include "agent/workload/plan.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;

// Kubernetes: how soon a pod is looked at again after a step failed for a lasting reason.
constexpr seconds kRetry{10};
// After a failure that may be over at any moment.
constexpr seconds kQuickRetry{1};
// A name that stays reserved this often is held by a call that will never come back.
constexpr int kReservedTries = 3;

std::string Text(const absl::Status& status) { return std::string(status.message()); }

// True when the name was reserved; counts, and gives the name up when it stays so.
bool AbsorbReserved(const absl::Status& status, int& failures, uint32_t& skipped) {
  if (!ReservedFor(status)) return false;
  if (++failures >= kReservedTries) {
    failures = 0;
    ++skipped;
  }
  return true;
}

struct Finisher {
  const Outcome& outcome;
  const PodIntent& intent;
  MonoTime now;
  ObservedPod& observed;

  StepFailure Failure(std::string reason, seconds retry) const {
    return {std::move(reason), Text(outcome.status), now, now + retry, intent.inputs};
  }

  bool operator()(const PrepareVolumes& action) const {
    if (outcome.status.ok()) {
      observed.prepared_inputs = action.inputs;
      observed.volumes_failure.reset();
      observed.volumes_retry.OnSuccess();
    } else {
      StepFailure failure = Failure("FailedMount", seconds(0));
      failure.retry_at = now + observed.volumes_retry.OnFailure();
      failure.inputs = action.inputs;
      observed.volumes_failure = std::move(failure);
    }
    return false;
  }

  bool operator()(const EnsureGroup& action) const {
    if (outcome.status.ok()) {
      observed.group_raised = action.group;
      if (!action.only_raise) observed.group = action.group;
      observed.group_failure.reset();
      observed.group_retry.OnSuccess();
    } else {
      StepFailure failure = Failure("FailedCreatePodContainer", seconds(0));
      failure.retry_at = now + observed.group_retry.OnFailure();
      failure.inputs = action.group;
      observed.group_failure = std::move(failure);
    }
    return false;
  }

  bool operator()(const RunSandbox&) const {
    if (outcome.status.ok()) {
      observed.sandbox_failure.reset();
      observed.sandbox_retry.OnSuccess();
      observed.reserved_name_failures = 0;
      observed.skipped_sandbox_attempts = 0;
      return true;
    }
    StepFailure failure = Failure("FailedCreatePodSandBox", kQuickRetry);
    const bool reserved = AbsorbReserved(outcome.status, observed.reserved_name_failures,
                                         observed.skipped_sandbox_attempts);
    if (!reserved && !RuntimeAway(outcome.status)) {
      failure.retry_at = now + observed.sandbox_retry.OnFailure();
    }
    observed.sandbox_failure = std::move(failure);
    return true;
  }

  bool operator()(const InspectImage& action) const {
    ObservedContainer& container = observed.containers[action.container];
    Remember(action.image, container);
    container.image = ImageKnowledge::kUnknown;
    if (!outcome.status.ok()) {
      container.failure =
          Failure("ImageInspectError", RuntimeAway(outcome.status) ? kQuickRetry : kRetry);
    } else if (outcome.image) {
      container.image = ImageKnowledge::kPresent;
      container.resolved_image = *outcome.image;
    } else if (action.may_pull) {
      container.image = ImageKnowledge::kAbsent;
    } else {
      container.failure = Failure("ErrImageNeverPull", kRetry);
      container.failure->message =
          "Container image \"" + action.image + "\" is not present with pull policy of Never";
    }
    return false;
  }

  bool operator()(const PullImage& action) const {
    ObservedContainer& container = observed.containers[action.container];
    Remember(action.image, container);
    if (outcome.status.ok() && outcome.image) {
      container.image = ImageKnowledge::kPulled;
      container.resolved_image = *outcome.image;
      container.failure.reset();
      return false;
    }
    container.image = ImageKnowledge::kUnknown;
    // A runtime that restarts ends a pull too, which is no fault of the image. What fails so twice
    // may be the registry's answer, passed on with the same code.
    const bool failed_before = container.failure && container.failure->reason == "ErrImagePull";
    if (RuntimeAway(outcome.status) && !failed_before) {
      container.failure = Failure("ErrImagePull", kQuickRetry);
      return false;
    }
    container.pulls.OnFailure(now);
    std::string reason = "ErrImagePull";
    for (const char* special : {"RegistryUnavailable", "SignatureValidationFailed"}) {
      if (absl::StartsWith(outcome.status.message(), special)) reason = special;
    }
    container.failure = Failure(std::move(reason), container.pulls.wait());
    return false;
  }

  bool operator()(const LaunchContainer& action) const {
    ObservedContainer& container = observed.containers[action.container];
    container.image = ImageKnowledge::kUnknown;
    if (outcome.status.ok()) {
      container.failure.reset();
      container.reserved_name_failures = 0;
      container.skipped_attempts = 0;
      return true;
    }
    const bool away = RuntimeAway(outcome.status);
    switch (outcome.failed_at) {
      case LaunchStep::kConfig:
        container.failure = Failure("CreateContainerConfigError", kRetry);
        container.failure->inputs = action.inputs;
        break;
      case LaunchStep::kCreate: {
        const bool reserved = AbsorbReserved(outcome.status, container.reserved_name_failures,
                                             container.skipped_attempts);
        container.failure =
            Failure("CreateContainerError", reserved || away ? kQuickRetry : kRetry);
        break;
      }
      case LaunchStep::kStart:
        // The runtime now holds an instance that ended; the restart back-off counts it.
        container.failure = Failure("RunContainerError", away ? kQuickRetry : seconds(0));
        break;
    }
    return true;
  }

  bool operator()(const ResizeContainer& action) const {
    ObservedContainer& container = observed.containers[action.container];
    if (outcome.status.ok()) {
      container.resized = action.id;
      container.resized_to = action.target;
      container.resize_failure.reset();
    } else {
      container.resize_failure =
          Failure("Error", RuntimeAway(outcome.status) ? kQuickRetry : kRetry);
      container.resize_failure->inputs = action.target;
    }
    return false;
  }

  bool operator()(const RunPostStart& action) const {
    // It was not asked, so it is owed still.
    if (RuntimeAway(outcome.status)) return true;
    ObservedContainer& container = observed.containers[action.container];
    container.post_start_over = action.id;
    if (outcome.status.ok()) return false;
    container.post_start_failed = action.id;
    container.failure = Failure("PostStartHookError", seconds(0));
    return true;
  }

  bool operator()(const RunPreStop& action) const {
    if (RuntimeAway(outcome.status)) return TornDown();
    // One that fails holds up nothing.
    observed.containers[action.container].pre_stop_over = action.id;
    return false;
  }

  bool operator()(const StopContainer&) const { return TornDown(); }
  bool operator()(const RemoveContainer&) const { return TornDown(); }
  bool operator()(const StopSandbox& action) const {
    for (SandboxInstance& sandbox : observed.sandboxes) {
      if (sandbox.status.id == action.id && Done()) sandbox.stopped = true;
    }
    // Without processes anybody may remove it, as systemd does.
    observed.group.clear();
    observed.group_raised.clear();
    return TornDown();
  }
  bool operator()(const RemoveSandbox&) const { return TornDown(); }
  bool operator()(const CleanUp&) const {
    if (outcome.status.ok()) observed.cleaned_up = true;
    TornDown();
    return false;
  }

  bool Done() const { return outcome.status.ok() || absl::IsNotFound(outcome.status); }

  bool TornDown() const {
    if (Done()) {
      observed.teardown_retry.OnSuccess();
      observed.teardown_held_until.reset();
    } else {
      observed.teardown_held_until = now + observed.teardown_retry.OnFailure();
    }
    return true;
  }

  // A back-off belongs to one image.
  static void Remember(const std::string& image, ObservedContainer& container) {
    if (container.image_asked == image) return;
    container.image_asked = image;
    container.pulls = ImageBackoff();
  }
};

// The first step of ending an instance tells when its grace period began.
void BeginKill(const std::string& name, const std::string& id, seconds grace, bool by_probe,
               MonoTime now, ObservedPod& observed) {
  ObservedContainer& container = observed.containers[name];
  if (container.kill && container.kill->id == id) return;
  Kill kill{id, now, grace, by_probe, std::nullopt};
  for (const ContainerInstance& instance : container.instances) {
    if (instance.status.id == id || !instance.exited_at) continue;
    kill.exit_before = instance.exited_at;
    break;
  }
  container.kill = std::move(kill);
}

}  // namespace

void Begin(const Action& action, const PodIntent& intent, MonoTime now, ObservedPod& observed) {
  observed.in_flight.push_back({action, now});
  if (const auto* hook = std::get_if<RunPreStop>(&action)) {
    BeginKill(hook->container, hook->id, hook->grace, hook->by_probe, now, observed);
  } else if (const auto* stop = std::get_if<StopContainer>(&action)) {
    BeginKill(stop->container, stop->id, stop->grace, stop->by_probe, now, observed);
  }
  const auto* launch = std::get_if<LaunchContainer>(&action);
  if (launch == nullptr) return;
  const ContainerInstance* newest = NewestInstance(observed, launch->container);
  if (newest == nullptr || !newest->exited_at) return;
  ObservedContainer& container = observed.containers[launch->container];
  const auto hash = intent.hashes.find(launch->container);
  if (hash != intent.hashes.end() && DefinitionChanged(newest->hash, hash->second)) {
    container.restarts = RestartBackoff();
  }
  if (const auto exited_at = ExitThatHolds(container)) container.restarts.OnStart(*exited_at, now);
}

bool Finish(const Action& action, const Outcome& outcome, const PodIntent& intent, MonoTime now,
            ObservedPod& observed) {
  const auto flight = std::ranges::find_if(
      observed.in_flight, [&action](const InFlight& f) { return f.action == action; });
  if (flight != observed.in_flight.end()) observed.in_flight.erase(flight);
  return std::visit(Finisher{outcome, intent, now, observed}, action);
}

bool RuntimeAway(const absl::Status& status) {
  return absl::IsUnavailable(status) ||
         absl::StrContains(status.message(), "server is not initialized yet");
}

std::optional<std::string> ReservedFor(const absl::Status& status) {
  constexpr std::string_view kMark = "is reserved for \"";
  const std::string_view text(status.message().data(), status.message().size());
  const size_t at = text.find(kMark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view rest = text.substr(at + kMark.size());
  return std::string(rest.substr(0, rest.find('"')));
}

}  // namespace muster::agent
