#pragma once

namespace muster::model {

// The annotations of a DaemonSet by which people steer its rollouts. Kubernetes ignores them, so
// one manifest serves both.
inline constexpr char kProgressDeadlineAnnotation[] = "muster.dev/progress-deadline";
inline constexpr char kOnFailureAnnotation[] = "muster.dev/on-failure";
inline constexpr char kMaxFailedAnnotation[] = "muster.dev/max-failed";
inline constexpr char kCanaryAnnotation[] = "muster.dev/canary";
inline constexpr char kPrePullAnnotation[] = "muster.dev/pre-pull";
inline constexpr char kPausedAnnotation[] = "muster.dev/paused";
inline constexpr char kSuspendAnnotation[] = "muster.dev/suspend";
// What `musterctl rollout promote|abort|resume` leaves for the controller, which takes it off in
// the transaction in which it acts: "promote HASH", so that it never hits another revision.
inline constexpr char kRolloutRequestAnnotation[] = "muster.dev/rollout-request";

}  // namespace muster::model
