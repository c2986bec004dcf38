#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/placement/fit.h"
#include "coordinator/placement/preemption.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What the controllers keep of a pod. The whole of it is read from the store when it has to be
// changed: a coordinator knows very many pods.
struct LoadedPod {
  // Where it is, or the only place where it may be. Empty: it may be on several nodes.
  std::string node;
  bool bound = false;
  bool counts = false;  // In the node's load: bound and not ended.
  bool ended = false;
  bool terminating = false;
  bool preempted = false;       // Leaves because it gave way to another.
  bool never_preempts = false;  // Its preemptionPolicy.
  bool daemon = false;          // Belongs to one of our controllers, which pins it to its node.
  bool mirror = false;          // Stands for a static pod, which nobody but its node can end.
  int32_t priority = 0;
  WallTime created{};
  std::string nominated;  // The node where others give way to it.
  size_t uid_hash = 0;
  // The uid of its controller; null when it has none. Lives as long as the NodeLoads.
  const std::string* owner = nullptr;
  int64_t revision = 0;  // Of the store; 0 for one that the watch has not shown yet.
  std::shared_ptr<const PodFootprint> footprint;
};

// All pods, what they take on every node, and which of them wait for a place on one. Kept up to
// date pod by pod. A resource, since its parts point to each other. One owner.
class NodeLoads {
 public:
  // Keys that live as long as their pods are there.
  using Keys = std::set<std::string_view>;

  NodeLoads() = default;
  NodeLoads(const NodeLoads&) = delete;
  NodeLoads& operator=(const NodeLoads&) = delete;

  void Clear();
  // A pod as it is now; null: it is gone. `key` is its namespace and name.
  void SetPod(const std::string& key, const v1::Pod* pod);

  const LoadedPod* Find(std::string_view key) const;
  const NodeLoad& LoadOf(const std::string& node) const;
  // The same with what is held there for other pods, of this priority and above, that others give
  // way to.
  NodeLoad LoadFor(const std::string& node, int32_t priority, const std::string& key) const;
  // Those that count on the node and could give way: mirrors only count.
  std::vector<PodOnNode> PodsOn(const std::string& node) const;
  // Does a pod of lower priority than this leave the node for it or its like?
  bool IsBeingFreed(const std::string& node, int32_t priority) const;

  // Keys of pods that wait for this node, pinned to it or nominated for it: the highest priority
  // first, then the oldest.
  std::vector<std::string> WaitingFor(const std::string& node) const;
  // Keys of pods that wait for any node that suits them, in the same order.
  std::vector<std::string> Unplaced() const;
  // Keys of pods that are bound to the node, those that have ended included.
  const Keys& BoundTo(const std::string& node) const;
  // All nodes that pods are bound to.
  const std::map<std::string, Keys>& bound() const { return bound_; }
  // Those that no controller has.
  const Keys& ownerless() const { return ownerless_; }
  bool Has(std::string_view key) const { return pods_.find(key) != pods_.end(); }

  // Nodes on which a waiting pod may fit now that did not before; taken once.
  std::set<std::string> TakeChanged();
  void Touch(const std::string& node) { changed_.insert(node); }
  // Likewise: may a pod that waits for any node have found one?
  bool TakeUnplacedChanged();
  void TouchUnplaced() { unplaced_changed_ = true; }

 private:
  LoadedPod Describe(const v1::Pod& pod);
  std::shared_ptr<const PodFootprint> Share(PodFootprint footprint);
  void Forget(const std::string& key);
  std::vector<std::string> InOrder(const Keys& keys) const;

  std::map<std::string, LoadedPod, std::less<>> pods_;
  std::map<std::string, NodeLoad> loads_;
  std::map<std::string, Keys> waiting_, bound_, nominated_;  // By node.
  Keys unplaced_, ownerless_;
  // Pods of one template take the same, and have the same owner.
  std::map<std::string, std::weak_ptr<const PodFootprint>> footprints_;
  std::set<std::string> owners_;
  std::set<std::string> changed_;
  bool unplaced_changed_ = false;
};

// Puts the pod on the node.
void Bind(const std::string& node, WallTime now, v1::Pod& pod);
// Says in its PodScheduled condition why it waits.
void SetUnschedulable(const std::string& message, WallTime now, v1::Pod& pod);
// The same for a pod that belongs on one node: how many others there are is no news.
void SetUnschedulableThere(const std::string& message, WallTime now, v1::Pod& pod);

}  // namespace muster::coordinator
