#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/runtime/runtime.h"
#include "agent/workload/action.h"
#include "agent/workload/observed.h"

namespace muster::agent {

// How far LaunchContainer came when it failed.
enum class LaunchStep { kConfig, kCreate, kStart };

// What came of an action. Plain value.
struct Outcome {
  absl::Status status;
  LaunchStep failed_at = LaunchStep::kConfig;  // Of LaunchContainer that failed.
  std::optional<ImageStatus> image;            // Of InspectImage and PullImage; none: not there.
  // Of LaunchContainer: keys of envFrom that are no names of variables, and were left out.
  std::vector<std::string> skipped_variables = {};
};

// The action is under way from now on.
void Begin(const Action& action, const PodIntent& intent, MonoTime now, ObservedPod& observed);

// It has ended. Classifies errors, decides when to try again. Returns true when this is the moment
// to look at the runtime again, which is after everything but questions.
bool Finish(const Action& action, const Outcome& outcome, const PodIntent& intent, MonoTime now,
            ObservedPod& observed);

// The runtime could not be asked, so nothing is known of what came of it.
bool RuntimeAway(const absl::Status& status);

// The id in "name ... is reserved for "<id>"": another call for the same name is or was under way.
std::optional<std::string> ReservedFor(const absl::Status& status);

}  // namespace muster::agent
