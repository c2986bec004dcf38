#include "coordinator/nodes/pod_removal.h"

#include <algorithm>
#include <chrono>

#include "coordinator/daemonset/pod_facts.h"

namespace muster::coordinator {
namespace {

constexpr int64_t kGraceDefault = 30;
constexpr char kPreempted[] = "PreemptionByScheduler";

RemovalStep Mark(int64_t grace_seconds, WallTime now, v1::ObjectMeta& meta) {
  if (meta.has_deletion_timestamp()) return RemovalStep::kNone;
  *meta.mutable_deletion_timestamp() = FromWallTime(now + std::chrono::seconds(grace_seconds));
  meta.set_deletion_grace_period_seconds(grace_seconds);
  return RemovalStep::kMark;
}

// Nobody has to stop anything.
RemovalStep RemoveAtOnce(v1::Pod& pod, WallTime now) {
  if (pod.metadata().finalizers().empty()) return RemovalStep::kRemove;
  return Mark(0, now, *pod.mutable_metadata());
}

}  // namespace

RemovalStep StartRemoval(v1::Pod& pod, WallTime now) {
  if (pod.spec().node_name().empty() || PodFactsOf(pod).terminal()) return RemoveAtOnce(pod, now);
  return Mark(pod.spec().has_termination_grace_period_seconds()
                  ? pod.spec().termination_grace_period_seconds()
                  : kGraceDefault,
              now, *pod.mutable_metadata());
}

RemovalStep StartCollection(const std::string& why, v1::Pod& pod, WallTime now) {
  if (PodFactsOf(pod).terminal()) return RemoveAtOnce(pod, now);
  v1::PodStatus& status = *pod.mutable_status();
  status.set_phase("Failed");
  SetDisruption(status, "DeletionByPodGC", why, now);
  return RemovalStep::kMark;
}

void SetDisruption(v1::PodStatus& status, const std::string& reason, const std::string& message,
                   WallTime now) {
  const auto conditions = status.mutable_conditions();
  auto found = std::find_if(
      conditions->begin(), conditions->end(),
      [](const v1::PodCondition& condition) { return condition.type() == "DisruptionTarget"; });
  v1::PodCondition& condition = found == conditions->end() ? *conditions->Add() : *found;
  if (condition.status() != "True") {
    *condition.mutable_last_transition_time() = FromWallTime(now);
  }
  condition.set_type("DisruptionTarget");
  condition.set_status("True");
  condition.set_reason(reason);
  condition.set_message(message);
}

void MarkPreempted(const std::string& winner, WallTime now, v1::Pod& pod) {
  SetDisruption(*pod.mutable_status(), kPreempted,
                "gives way to pod " + winner + ", which has a higher priority", now);
}

bool IsPreempted(const v1::PodStatus& status) {
  return std::any_of(status.conditions().begin(), status.conditions().end(),
                     [](const v1::PodCondition& condition) {
                       return condition.type() == "DisruptionTarget" &&
                              condition.status() == "True" && condition.reason() == kPreempted;
                     });
}

bool HasFinalizer(const v1::ObjectMeta& meta, const std::string& finalizer) {
  return std::find(meta.finalizers().begin(), meta.finalizers().end(), finalizer) !=
         meta.finalizers().end();
}

void RemoveFinalizer(v1::ObjectMeta& meta, const std::string& finalizer) {
  auto& finalizers = *meta.mutable_finalizers();
  finalizers.erase(std::remove(finalizers.begin(), finalizers.end(), finalizer), finalizers.end());
}

}  // namespace muster::coordinator
