// What ControllerLoop clears away: what nobody owns, what no node runs, what nobody reads any more.

#include <utility>

#include "common/model/kinds.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/nodes/pod_removal.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr size_t kBatchMax = 250;

}  // namespace

void ControllerLoop::CollectOrphans(const Moment& now) {
  // A DaemonSet that was deleted in the background takes its pods and revisions with it.
  CommitBatch batch = NewBatch();
  for (const std::string& uid : std::exchange(orphan_candidates_, {})) {
    const auto dependents = dependents_.find(uid);
    if (dependents == dependents_.end() || live_owners_.contains(uid)) continue;
    ObjectTransaction transaction;
    for (const auto* objects : {&pods_, &revisions_}) {
      for (const auto& [key, object] : *objects) {
        if (!dependents->second.contains(KeyOf(object))) continue;
        if (transaction.size() >= kBatchMax) {
          orphan_candidates_.insert(uid);
          break;
        }
        if (object.has_pod()) {
          RemovePod(object, now, transaction);
        } else {
          transaction.Delete(object);
        }
      }
    }
    batch.Add(std::move(transaction), [this, uid](const absl::Status& status) {
      if (!status.ok()) orphan_candidates_.insert(uid);
      Retry(status, "collecting what a deleted DaemonSet left");
    });
  }
  batch.Flush();
}

void ControllerLoop::CollectPodsOfGoneNodes(const Moment& now) {
  CommitBatch batch = NewBatch();
  for (const std::string& node : out_of_service_) {
    for (const std::string& key : loads_.BoundTo(node)) {
      if (!loads_.Find(key)->terminating) continue;
      CollectPod(key, "PodGC: node is out of service", now, batch);
    }
  }
  for (const auto& [node, pods] : loads_.bound()) {
    if (nodes_.contains(node)) continue;
    const MonoTime since = gone_since_.try_emplace(node, now.mono).first->second;
    const MonoTime until =
        since + std::chrono::duration_cast<MonoTime::duration>(options_.pod_gc_quarantine);
    if (now.mono < until) {
      WakeAt(until);
      continue;
    }
    for (const std::string& key : pods) CollectPod(key, "PodGC: node no longer exists", now, batch);
  }
  batch.Flush();
  for (auto it = gone_since_.begin(); it != gone_since_.end();) {
    it = loads_.BoundTo(it->first).empty() ? gone_since_.erase(it) : std::next(it);
  }
}

void ControllerLoop::CollectPod(const std::string& key, const std::string& why, const Moment& now,
                                CommitBatch& batch) {
  const v1::Object& pod = pods_.at(key);
  v1::Object changed = pod;
  ObjectTransaction transaction;
  switch (StartCollection(why, *changed.mutable_pod(), now.wall)) {
    case RemovalStep::kNone:
      return;
    case RemovalStep::kMark:
      transaction.Update(std::move(changed));
      break;
    case RemovalStep::kRemove:
      spdlog::info("removing pod {} of node {}: {}", key, pod.pod().spec().node_name(), why);
      transaction.Delete(pod);
      break;
  }
  batch.Add(std::move(transaction), [this](const absl::Status& status) {
    Retry(status, "removing a pod whose node is gone");
  });
}

void ControllerLoop::ExpireEvents(const Moment& now) {
  ObjectTransaction transaction;
  for (const auto& [last, key] : events_by_time_) {
    const MonoTime until =
        now.MonoAt(last) + std::chrono::duration_cast<MonoTime::duration>(options_.event_ttl);
    if (until > now.mono) {
      WakeAt(until);
      break;
    }
    if (transaction.size() >= kBatchMax) break;
    // Keys are "/events/NAMESPACE/NAME".
    const size_t name_at = key.rfind('/') + 1;
    const size_t ns_at = key.rfind('/', name_at - 2) + 1;
    transaction.DeleteAny(v1::Object::kEvent, key.substr(ns_at, name_at - 1 - ns_at),
                          key.substr(name_at));
  }
  Retry(Commit(std::move(transaction)), "removing old events");
}

}  // namespace muster::coordinator
