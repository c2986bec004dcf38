// How ControllerLoop keeps the health of nodes, and gives them subnets.

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/macros.h"
#include "common/daemon/log_fields.h"
#include "coordinator/controllers/controller_loop.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {

void ControllerLoop::TouchNode(const std::string& node) {
  stale_nodes_.insert(node);
  if (wake_) wake_();
}

void ControllerLoop::TouchAllNodes() {
  for (const auto& [name, object] : nodes_) stale_nodes_.insert(name);
}

bool ControllerLoop::IsLost(const v1::Node& node, const Moment& now) {
  const std::string& name = node.metadata().name();
  const MonoTime lost_at = LostAt(node, find_contact_(name), listening_since_, options_.health);
  if (lost_at <= now.mono) return true;
  deadlines_.Set(name, lost_at);
  return false;
}

void ControllerLoop::KeepNodes(const Moment& now) {
  for (std::string& name : deadlines_.TakeDue(now.mono)) {
    // One that was heard meanwhile has only its deadline moved.
    const v1::Node* node = FindNode(name);
    if (node == nullptr || IsLost(*node, now)) stale_nodes_.insert(std::move(name));
  }
  if (stale_nodes_.empty()) return;
  const auto look = [&](const std::string& name) {
    const v1::Node* node = FindNode(name);
    if (node == nullptr) deadlines_.Clear(name);
    if (node != nullptr && IsLost(*node, now)) {
      lost_nodes_.insert(name);
    } else {
      lost_nodes_.erase(name);
    }
  };
  for (const std::string& name : stale_nodes_) look(name);
  const bool all_lost = !nodes_.empty() && lost_nodes_.size() == nodes_.size();
  if (all_lost != std::exchange(all_lost_, all_lost)) {
    // It concerns all. On return every agent gets the time to come back again.
    if (all_lost) {
      spdlog::warn("no node can be heard: nothing is driven out of any of them");
    } else {
      listening_since_ = now.mono;
    }
    TouchAllNodes();
    for (const std::string& name : stale_nodes_) look(name);
  }
  CommitBatch batch = NewBatch();
  std::optional<TakenPodSubnets> taken;
  for (const std::string& name : std::exchange(stale_nodes_, {})) {
    const auto found = nodes_.find(name);
    if (found == nodes_.end()) {
      without_subnets_.erase(name);
    } else {
      KeepNode(found->second, now, taken, batch);
    }
  }
  batch.Flush();
}

bool ControllerLoop::GiveSubnets(const v1::Object& object, const Moment& now,
                                 std::optional<TakenPodSubnets>& taken, v1::Node& node,
                                 ObjectTransaction& transaction) {
  const std::string& name = node.metadata().name();
  if (!NeedsPodSubnets(node)) {
    without_subnets_.erase(name);
    return false;
  }
  if (!taken) {
    taken.emplace(options_.pod_ranges);
    for (const auto& [other, its] : nodes_) taken->Add(its.node());
  }
  if (taken->Give(node)) {
    const LogFields about(kLogNode, name);
    spdlog::info("node {} gets {} for its pods", name, absl::StrJoin(node.spec().pod_cidrs(), ","));
    return true;
  }
  if (!without_subnets_.insert(name).second) return false;
  recorder_.Add(object,
                {true, "node-controller", "CIDRNotAvailable",
                 absl::StrCat("Node ", name, " status is now: CIDRNotAvailable: ",
                              options_.pod_ranges.clusters.empty() ? "clusterCIDR is not set"
                                                                   : "clusterCIDR is full")},
                now.wall, transaction);
  return false;
}

void ControllerLoop::KeepNode(const v1::Object& object, const Moment& now,
                              std::optional<TakenPodSubnets>& taken, CommitBatch& batch) {
  const std::string& name = object.node().metadata().name();
  NodeHealth health =
      JudgeNodeHealth(object.node(), lost_nodes_.contains(name), all_lost_, now.wall);
  const bool health_changed = health.node.has_value();
  if (!health_changed && !NeedsPodSubnets(object.node())) {
    without_subnets_.erase(name);
    return;
  }
  ObjectTransaction transaction;
  v1::Object updated = object;
  if (health_changed) *updated.mutable_node() = *std::move(health.node);
  const bool given = GiveSubnets(object, now, taken, *updated.mutable_node(), transaction);
  const auto tell = [&](const char* reason) {
    recorder_.Add(
        object,
        {false, "node-controller", reason, absl::StrCat("Node ", name, " status is now: ", reason)},
        now.wall, transaction);
    const LogFields about(kLogNode, name);
    spdlog::info("node {} status is now: {}", name, reason);
  };
  if (health.turn != NodeHealth::Turn::kNone) {
    tell(health.turn == NodeHealth::Turn::kReady ? "NodeReady" : "NodeNotReady");
  }
  if (health.schedulable) tell(*health.schedulable ? "NodeSchedulable" : "NodeNotSchedulable");
  if (health_changed || given) transaction.Update(std::move(updated));
  if (transaction.empty()) return;
  // Together with the node, so that it is done when the node is, and not again afterwards: when the
  // agent is back, its word about its pods may be stored before its word about the node.
  const auto done = [this, name](const absl::Status& status) {
    if (!status.ok()) stale_nodes_.insert(name);
    Retry(status, "updating a node");
  };
  if (health.turn == NodeHealth::Turn::kNotReady) {
    const absl::Status marked = MarkPodsNotReady(name, now, transaction);
    if (!marked.ok()) return done(marked);
  }
  batch.Add(std::move(transaction), done);
}

absl::Status ControllerLoop::MarkPodsNotReady(const std::string& node, const Moment& now,
                                              ObjectTransaction& transaction) {
  for (const std::string_view key : loads_.BoundTo(node)) {
    MUSTER_ASSIGN_OR_RETURN(v1::Object pod, ReadPod(key));
    if (!MarkPodNotReady(*pod.mutable_pod()->mutable_status(), now.wall)) continue;
    recorder_.Add(pod, {true, "node-controller", "NodeNotReady", "Node is not ready"}, now.wall,
                  transaction);
    transaction.Update(std::move(pod));
  }
  return absl::OkStatus();
}

}  // namespace muster::coordinator
