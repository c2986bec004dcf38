#include "coordinator/table/pod_summary.h"

#include <cstdint>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/model/resources.h"
#include "common/model/time_text.h"
#include "coordinator/table/age.h"

namespace muster::coordinator {
namespace {

bool HasTrueCondition(const v1::PodStatus& status, const char* type) {
  for (const v1::PodCondition& condition : status.conditions()) {
    if (condition.type() == type) return condition.status() == "True";
  }
  return false;
}

bool IsGated(const v1::PodStatus& status) {
  for (const v1::PodCondition& condition : status.conditions()) {
    if (condition.type() == "PodScheduled" && condition.reason() == "SchedulingGated") return true;
  }
  return false;
}

// Restarts counted over containers, and when the newest one was.
struct Restarts {
  int64_t count = 0;
  v1::Time newest;

  void Add(const v1::ContainerStatus& container) {
    count += container.restart_count();
    if (!container.last_state().has_terminated()) return;
    const v1::Time& finished = container.last_state().terminated().finished_at();
    if (model::ToAbslTime(finished) > model::ToAbslTime(newest)) newest = finished;
  }

  std::string Text(WallTime now) const {
    if (count == 0 || IsUnset(newest)) return absl::StrCat(count);
    return absl::StrCat(count, " (", AgeOf(newest, now), " ago)");
  }
};

std::string TerminatedReason(const v1::ContainerStateTerminated& state) {
  if (!state.reason().empty()) return state.reason();
  return state.signal() != 0 ? absl::StrCat("Signal:", state.signal())
                             : absl::StrCat("ExitCode:", state.exit_code());
}

class Summarizer {
 public:
  explicit Summarizer(const v1::Pod& pod) : pod_(pod), status_(pod.status()) {
    for (const v1::Container& container : pod.spec().init_containers()) {
      if (model::IsSidecar(container)) sidecars_.insert(container.name());
    }
  }

  PodSummary Run(WallTime now) {
    reason_ = status_.reason().empty() ? status_.phase() : status_.reason();
    if (IsGated(status_)) reason_ = "SchedulingGated";
    const bool initializing = LookAtInitContainers();
    const bool initialized = HasTrueCondition(status_, "Initialized");
    if (!initializing || initialized) LookAtContainers();
    if (pod_.metadata().has_deletion_timestamp()) {
      const bool ended = status_.phase() == "Succeeded" || status_.phase() == "Failed";
      if (status_.reason() == "NodeLost") {
        reason_ = "Unknown";
      } else if (!ended) {
        reason_ = "Terminating";
      }
    }
    const size_t total = static_cast<size_t>(pod_.spec().containers_size()) + sidecars_.size();
    return {absl::StrCat(ready_, "/", total), reason_,
            (initializing && !initialized ? init_restarts_ : restarts_).Text(now)};
  }

 private:
  // Sets the reason to that of the first init container that is not done; false when all are.
  bool LookAtInitContainers() {
    for (int i = 0; i < status_.init_container_statuses_size(); ++i) {
      const v1::ContainerStatus& container = status_.init_container_statuses(i);
      const bool sidecar = sidecars_.count(container.name()) > 0;
      init_restarts_.Add(container);
      if (sidecar) restarts_.Add(container);
      const v1::ContainerState& state = container.state();
      if (state.has_terminated() && state.terminated().exit_code() == 0) continue;
      if (sidecar && container.started()) {
        if (container.ready()) ++ready_;
        continue;
      }
      if (state.has_terminated()) {
        reason_ = "Init:" + TerminatedReason(state.terminated());
      } else if (!state.waiting().reason().empty() &&
                 state.waiting().reason() != "PodInitializing") {
        reason_ = "Init:" + state.waiting().reason();
      } else {
        reason_ = absl::StrCat("Init:", i, "/", pod_.spec().init_containers_size());
      }
      return true;
    }
    return false;
  }

  // The first container that has something to say decides, so it is asked last.
  void LookAtContainers() {
    bool running = false;
    for (int i = status_.container_statuses_size() - 1; i >= 0; --i) {
      const v1::ContainerStatus& container = status_.container_statuses(i);
      restarts_.Add(container);
      const v1::ContainerState& state = container.state();
      if (!state.waiting().reason().empty()) {
        reason_ = state.waiting().reason();
      } else if (state.has_terminated()) {
        reason_ = TerminatedReason(state.terminated());
      } else if (container.ready() && state.has_running()) {
        running = true;
        ++ready_;
      }
    }
    if (reason_ == "Completed" && running) {
      reason_ = HasTrueCondition(status_, "Ready") ? "Running" : "NotReady";
    }
  }

  const v1::Pod& pod_;
  const v1::PodStatus& status_;
  std::set<std::string> sidecars_;
  std::string reason_;
  int ready_ = 0;
  Restarts init_restarts_;  // While initialising.
  Restarts restarts_;       // Later: those of containers that are to keep running.
};

}  // namespace

PodSummary Summarize(const v1::Pod& pod, WallTime now) { return Summarizer(pod).Run(now); }

}  // namespace muster::coordinator
