#pragma once

#include <string>

#include "common/base/clock.h"
#include "muster/v1/meta.pb.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/pod_status.pb.h"

namespace muster::coordinator {

// What the coordinator's own controllers do to a pod that has to go. Pure.
enum class RemovalStep {
  kNone,    // It is on its way already.
  kMark,    // Its agent has to stop it first: the pod was marked.
  kRemove,  // Nobody has to stop anything.
};

// Kubernetes' graceful deletion: a pod that is bound and has not ended gets a deletionTimestamp and
// its own grace period. What has finalizers gets a deletionTimestamp at most.
RemovalStep StartRemoval(v1::Pod& pod, WallTime now);

// A pod whose node is no more: nobody is left to stop it, so it is marked Failed (condition
// DisruptionTarget, DeletionByPodGC), for all to see, and removed without grace in a second step.
RemovalStep StartCollection(const std::string& why, v1::Pod& pod, WallTime now);

// Says in the pod's condition DisruptionTarget why it is taken away.
void SetDisruption(v1::PodStatus& status, const std::string& reason, const std::string& message,
                   WallTime now);

// A pod gives way to another one.
void MarkPreempted(const std::string& winner, WallTime now, v1::Pod& pod);
bool IsPreempted(const v1::PodStatus& status);

bool HasFinalizer(const v1::ObjectMeta& meta, const std::string& finalizer);
void RemoveFinalizer(v1::ObjectMeta& meta, const std::string& finalizer);

// What a deletion that waits for its dependents leaves on its object.
inline constexpr char kForegroundFinalizer[] = "foregroundDeletion";
inline constexpr char kOrphanFinalizer[] = "orphan";

}  // namespace muster::coordinator
