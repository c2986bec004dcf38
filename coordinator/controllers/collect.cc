// What ControllerLoop clears away: what nobody owns, what no node runs, what nobody reads any more.

#include <utility>

#include "common/model/kinds.h"
#include "coordinator/controllers/controller_loop.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr size_t kBatchMax = 250;

}  // namespace

void ControllerLoop::CollectOrphans(const Moment& now) {
  // A DaemonSet that was deleted in the background takes its pods and revisions with it.
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
    const absl::Status status = Commit(std::move(transaction));
    if (status.ok()) continue;
    orphan_candidates_.insert(uid);
    WakeAt(now.mono + std::chrono::seconds(1));
    if (!absl::IsAborted(status) && !absl::IsNotFound(status)) {
      spdlog::warn("collecting what a deleted DaemonSet left: {}", status.ToString());
    }
  }
}

void ControllerLoop::CollectPodsOfGoneNodes(const Moment& now) {
  for (const std::string& node : loads_.NodesInUse()) {
    if (nodes_.contains(node)) continue;
    const MonoTime since = gone_since_.try_emplace(node, now.mono).first->second;
    const MonoTime until =
        since + std::chrono::duration_cast<MonoTime::duration>(options_.pod_gc_quarantine);
    if (now.mono < until) {
      WakeAt(until);
      continue;
    }
    ObjectTransaction transaction;
    for (const std::string& key : loads_.BoundTo(node)) {
      // Nobody is left who could stop it: without grace.
      transaction.Delete(pods_.at(key));
    }
    spdlog::info("node {} is gone: removing its {} pods", node, transaction.size());
    CommitOrLog(std::move(transaction), "removing the pods of a node that is gone");
  }
  for (auto it = gone_since_.begin(); it != gone_since_.end();) {
    it = loads_.BoundTo(it->first).empty() ? gone_since_.erase(it) : std::next(it);
  }
}

void ControllerLoop::ExpireEvents(const Moment& now) {
  ObjectTransaction transaction;
  for (const auto& [last, key] : events_by_time_) {
    const MonoTime until = now.MonoAt(last) +
                           std::chrono::duration_cast<MonoTime::duration>(options_.event_ttl);
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
  CommitOrLog(std::move(transaction), "removing old events");
}

}  // namespace muster::coordinator
