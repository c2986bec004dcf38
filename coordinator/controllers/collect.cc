// What ControllerLoop clears away: what nobody owns, what no node runs, what nobody reads any more.

#include <utility>

#include "common/daemon/log_fields.h"
#include "common/model/kinds.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/nodes/pod_removal.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr size_t kBatchMax = 250;

}  // namespace

void ControllerLoop::CollectOrphans(const Moment& now) {
  // What was deleted in the background takes its pods and revisions with it.
  CommitBatch batch = NewBatch();
  for (auto it = orphans_.begin(); it != orphans_.end();) {
    const std::string& uid = it->first;
    if (IsLiveOwner(uid)) {
      it = orphans_.erase(it);
      continue;
    }
    ObjectTransaction transaction;
    absl::Status status;
    std::set<std::string> left;
    for (const std::string& key : it->second) {
      const LoadedPod* pod = loads_.Find(key);
      if (pod == nullptr || pod->owner == nullptr || *pod->owner != uid) continue;
      if (pod->terminating && !pod->ended) continue;  // Its agent stops it.
      left.insert(key);
      if (transaction.size() >= kBatchMax) continue;
      status = RemovePod(key, now, transaction);
      if (!status.ok()) break;
    }
    if (status.ok()) it->second = std::move(left);
    for (const auto& [key, object] : revisions_) {
      const v1::OwnerReference* owner = ControllerOf(model::MetadataOf(object));
      if (owner != nullptr && owner->uid() == uid && transaction.size() < 2 * kBatchMax) {
        transaction.Delete(object);
      }
    }
    if (status.ok() && transaction.empty()) {
      it = orphans_.erase(it);
      continue;
    }
    const auto done = [this](const absl::Status& result) {
      Retry(result, "collecting what a deleted owner left");
    };
    if (status.ok()) {
      batch.Add(std::move(transaction), done);
    } else {
      done(status);
    }
    ++it;
  }
  batch.Flush();
}

void ControllerLoop::CollectPodsOfGoneNodes(const Moment& now) {
  CommitBatch batch = NewBatch();
  for (const std::string& node : out_of_service_) {
    for (const std::string_view key : loads_.BoundTo(node)) {
      if (!loads_.Find(key)->terminating) continue;
      CollectPod(key, "PodGC: node is out of service", now, batch);
    }
  }
  for (auto it = gone_since_.begin(); it != gone_since_.end();) {
    const std::string& node = it->first;
    const NodeLoads::Keys& pods = loads_.BoundTo(node);
    if (pods.empty() || nodes_.contains(node)) {
      it = gone_since_.erase(it);
      continue;
    }
    const MonoTime until =
        it->second + std::chrono::duration_cast<MonoTime::duration>(options_.pod_gc_quarantine);
    if (now.mono < until) {
      WakeAt(until);
    } else {
      for (const std::string_view key : pods) {
        CollectPod(key, "PodGC: node no longer exists", now, batch);
      }
    }
    ++it;
  }
  batch.Flush();
}

void ControllerLoop::CollectPod(std::string_view key, const std::string& why, const Moment& now,
                                CommitBatch& batch) {
  const auto done = [this](const absl::Status& status) {
    Retry(status, "removing a pod whose node is gone");
  };
  const absl::StatusOr<v1::Object> pod = ReadPod(key);
  if (!pod.ok()) return done(pod.status());
  v1::Object changed = *pod;
  ObjectTransaction transaction;
  switch (StartCollection(why, *changed.mutable_pod(), now.wall)) {
    case RemovalStep::kNone:
      return;
    case RemovalStep::kMark:
      transaction.Update(std::move(changed));
      break;
    case RemovalStep::kRemove: {
      const v1::ObjectMeta& meta = pod->pod().metadata();
      const LogFields about({{kLogPod, absl::StrCat(meta.namespace_(), "/", meta.name())},
                             {kLogNode, pod->pod().spec().node_name()}});
      spdlog::info("removing pod {} of node {}: {}", key, pod->pod().spec().node_name(), why);
      transaction.Delete(*pod);
      break;
    }
  }
  batch.Add(std::move(transaction), done);
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
