#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/placement/fit.h"
#include "coordinator/placement/preemption.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// A pod that is on a node or wants to be, as far as room on nodes goes.
struct LoadedPod {
  // Where it is, or the only place where it may be. Empty: it may be on several nodes.
  std::string node;
  bool bound = false;
  bool counts = false;  // In the node's load: bound and not ended.
  bool ended = false;
  bool terminating = false;
  bool preempted = false;       // Leaves because it gave way to another.
  bool never_preempts = false;  // Its preemptionPolicy.
  int32_t priority = 0;
  WallTime created{};
  std::string nominated;  // The node where others give way to it.
  std::string uid;
  std::shared_ptr<const PodFootprint> footprint;
};

// What is on every node, and which pods wait for a place on one. Kept up to date pod by pod. One
// owner.
class NodeLoads {
 public:
  // A pod as it is now; null: it is gone. `key` is its namespace and name.
  void SetPod(const std::string& key, const v1::Pod* pod);

  const LoadedPod* Find(const std::string& key) const;
  const NodeLoad& LoadOf(const std::string& node) const;
  // The same with what is held there for other pods, of this priority and above, that others give
  // way to.
  NodeLoad LoadFor(const std::string& node, int32_t priority, const std::string& key) const;
  // Those that count on the node.
  std::vector<PodOnNode> PodsOn(const std::string& node) const;
  // Does a pod of lower priority than this leave the node for it or its like?
  bool IsBeingFreed(const std::string& node, int32_t priority) const;

  // Keys of pods that wait for this node, pinned to it or nominated for it: the highest priority
  // first, then the oldest.
  std::vector<std::string> WaitingFor(const std::string& node) const;
  // Keys of pods that wait for any node that suits them, in the same order.
  std::vector<std::string> Unplaced() const;
  // Keys of pods that are bound to the node, those that have ended included.
  const std::set<std::string>& BoundTo(const std::string& node) const;
  // All nodes that pods are bound to.
  const std::map<std::string, std::set<std::string>>& bound() const { return bound_; }

  // Nodes on which a waiting pod may fit now that did not before; taken once.
  std::set<std::string> TakeChanged();
  void Touch(const std::string& node) { changed_.insert(node); }
  // Likewise: may a pod that waits for any node have found one?
  bool TakeUnplacedChanged();
  void TouchUnplaced() { unplaced_changed_ = true; }

 private:
  void Forget(const std::string& key);
  std::vector<std::string> InOrder(const std::set<std::string>& keys) const;

  std::map<std::string, LoadedPod> pods_;
  std::map<std::string, NodeLoad> loads_;
  std::map<std::string, std::set<std::string>> waiting_, bound_, nominated_;  // By node.
  std::set<std::string> unplaced_;
  std::set<std::string> changed_;
  bool unplaced_changed_ = false;
};

// Does the pod belong to one of our controllers, which pins it to its node?
bool IsDaemonPod(const v1::Pod& pod);

// Puts the pod on the node.
void Bind(const std::string& node, WallTime now, v1::Pod& pod);
// Says in its PodScheduled condition why it waits.
void SetUnschedulable(const std::string& message, WallTime now, v1::Pod& pod);

}  // namespace muster::coordinator
