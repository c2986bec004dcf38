#include "coordinator/explain/explanation.h"

namespace muster::coordinator {

std::string_view NameOf(Cause cause) {
  switch (cause) {
    case Cause::kNoSuchNode:
      return "NodeUnknown";
    case Cause::kBeingDeleted:
      return "BeingDeleted";
    case Cause::kSelectsEverything:
      return "SelectsEverything";
    case Cause::kSuspended:
      return "Suspended";
    case Cause::kNotMatched:
      return "NotMatched";
    case Cause::kTainted:
      return "Tainted";
    case Cause::kCannotBeMade:
      return "PodCannotBeMade";
    case Cause::kNotCreatedYet:
      return "NotCreatedYet";
    case Cause::kNeverReported:
      return "AgentNeverReported";
    case Cause::kNodeLost:
      return "NodeLost";
    case Cause::kNodeNotReady:
      return "NodeNotReady";
    case Cause::kHostPortTaken:
      return "HostPortTaken";
    case Cause::kTooManyPods:
      return "TooManyPods";
    case Cause::kDoesNotFit:
      return "DoesNotFit";
    case Cause::kNotBound:
      return "NotBound";
    case Cause::kTerminating:
      return "Terminating";
    case Cause::kFailed:
      return "Failed";
    case Cause::kCompleted:
      return "Completed";
    case Cause::kNotStartedYet:
      return "Starting";
    case Cause::kSandbox:
      return "SandboxFailed";
    case Cause::kVolume:
      return "VolumeFailed";
    case Cause::kConfigError:
      return "ConfigError";
    case Cause::kInvalidImage:
      return "InvalidImageName";
    case Cause::kImageNotPulled:
      return "ImageNotPulled";
    case Cause::kImagePulling:
      return "ImagePulling";
    case Cause::kCannotCreate:
      return "ContainerCreateFailed";
    case Cause::kCannotStart:
      return "ContainerStartFailed";
    case Cause::kCrashLooping:
      return "CrashLooping";
    case Cause::kOutOfMemory:
      return "OutOfMemory";
    case Cause::kRestarting:
      return "Restarting";
    case Cause::kInitializing:
      return "Initializing";
    case Cause::kStartupProbe:
      return "StartupProbe";
    case Cause::kReadinessProbe:
      return "ReadinessProbe";
    case Cause::kNotReady:
      return "NotReady";
    case Cause::kReplacing:
      return "BeingReplaced";
    case Cause::kPaused:
      return "RolloutPaused";
    case Cause::kHalted:
      return "RolloutHalted";
    case Cause::kWaitsForPromotion:
      return "WaitingForPromotion";
    case Cause::kWaitsForRollout:
      return "WaitingInRollout";
    case Cause::kOnDelete:
      return "OnDelete";
    case Cause::kMinReady:
      return "MinReadySeconds";
    case Cause::kRunning:
      return "Running";
  }
  return "";
}

}  // namespace muster::coordinator
