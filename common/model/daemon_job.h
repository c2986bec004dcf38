#pragma once

namespace muster::model {

// What a DaemonJob puts on its pods, and what their agents tell it by.

inline constexpr char kDaemonJobLabel[] = "muster.dev/daemonjob";
// As long as it is there, what came of the pod has not been written down.
inline constexpr char kDaemonJobFinalizer[] = "muster.dev/daemonjob-tracking";
// The uid of the node that the pod was made for: another one may bear its name later.
inline constexpr char kNodeUidAnnotation[] = "muster.dev/node-uid";
// status.reason of a pod that was stopped before it had run to its end.
inline constexpr char kInterruptedReason[] = "Interrupted";

}  // namespace muster::model
