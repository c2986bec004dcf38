#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace muster::coordinator {

// Why a pod is where and how it is, or is not.
enum class Cause : uint8_t {
  // No pod of the DaemonSet is wanted there, or none can be made.
  kNoSuchNode,
  kBeingDeleted,
  kSelectsEverything,
  kSuspended,
  kNotMatched,
  kTainted,
  kCannotBeMade,
  kNotCreatedYet,

  // The node.
  kNeverReported,
  kNodeLost,
  kNodeNotReady,

  // There is no room.
  kHostPortTaken,
  kTooManyPods,
  kDoesNotFit,
  kNotBound,

  // What happens to the pod on its node.
  kTerminating,
  kFailed,
  kCompleted,
  kNotStartedYet,
  kSandbox,
  kVolume,
  kConfigError,
  kInvalidImage,
  kImageNotPulled,
  kImagePulling,
  kCannotCreate,
  kCannotStart,
  kCrashLooping,
  kOutOfMemory,
  kRestarting,
  kInitializing,
  kStartupProbe,
  kReadinessProbe,
  kNotReady,

  // The rollout.
  kReplacing,
  kPaused,
  kHalted,
  kWaitsForPromotion,
  kWaitsForRollout,
  kOnDelete,
  kMinReady,

  kRunning,
};

// The name of a cause in the API. They live for ever.
std::string_view NameOf(Cause cause);

// One true cause, and what else is worth knowing. A plain value.
struct Explanation {
  Cause cause = Cause::kRunning;
  std::string line;                  // For a person, without a newline.
  std::vector<std::string> details;  // A line each.
  // Whose last log lines tell more; empty when no log does.
  std::string pod;
  std::string container;
  bool previous_log = false;  // Of the container's instance before this one.
};

}  // namespace muster::coordinator
