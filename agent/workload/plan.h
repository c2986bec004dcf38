#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "agent/workload/action.h"
#include "agent/workload/observed.h"

namespace muster::agent {

// Why a container is not running, in the words of Kubernetes.
struct WaitingReason {
  std::string reason;
  std::string message;
  bool operator==(const WaitingReason&) const = default;
};

struct Plan {
  std::vector<Action> actions;      // May all be begun at once. Empty and no wake: settled.
  std::optional<MonoTime> wake_at;  // Look again then, even if nothing happens.
  std::vector<std::string> notes;   // Why, one line each.
  // Containers that will be started but not now. They overlay what the runtime says.
  std::map<std::string, WaitingReason> waiting;
  // Set when the pod as a whole cannot go on, in the words of an event: reason and message.
  std::optional<WaitingReason> blocked;
  // Only when terminating: nothing runs any more, so the status will not change.
  bool stopped = false;
  // Only when terminating: nothing is left on the node but what PodIntent::keep_remains keeps.
  bool gone = false;
};

// How long one error is shown before the wait for the next try is shown instead.
inline constexpr std::chrono::seconds kErrorShownFor{3};
// The smallest time between the stop signal and SIGKILL (Kubernetes: minimumGracePeriodInSeconds).
inline constexpr std::chrono::seconds kGraceMin{2};

// The next steps of one pod, as kubelet's pod worker decides them: the sandbox first, then init
// containers one after the other, then the containers in the order of the specification. One step
// at a time, except that containers are stopped side by side. A pod that has run to its end (see
// completion.h) gives up its sandbox and keeps its ended containers.
//
// Pure: same arguments, same plan. While anything is unknown nothing is stopped; every stop has its
// reason in `notes`.
Plan PlanPod(const PodIntent& intent, const ObservedPod& observed, MonoTime now);

// Hashes start with the name of their algorithm and "-"; those of another algorithm say nothing.
bool DefinitionChanged(const std::string& made_from, const std::string& wanted);

}  // namespace muster::agent
