#include "coordinator/nodes/pod_removal.h"

#include <algorithm>
#include <chrono>

#include "coordinator/daemonset/pod_facts.h"

namespace muster::coordinator {
namespace {

constexpr int64_t kGraceDefault = 30;

}  // namespace

RemovalStep StartRemoval(v1::Pod& pod, WallTime now) {
  v1::ObjectMeta& meta = *pod.mutable_metadata();
  if (pod.spec().node_name().empty() || PodFactsOf(pod).terminal()) {
    return meta.finalizers().empty() ? RemovalStep::kRemove : RemovalStep::kNone;
  }
  if (meta.has_deletion_timestamp()) return RemovalStep::kNone;
  const int64_t grace = pod.spec().has_termination_grace_period_seconds()
                            ? pod.spec().termination_grace_period_seconds()
                            : kGraceDefault;
  *meta.mutable_deletion_timestamp() = FromWallTime(now + std::chrono::seconds(grace));
  meta.set_deletion_grace_period_seconds(grace);
  return RemovalStep::kMark;
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
