#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "common/base/clock.h"
#include "coordinator/placement/fit.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What is on every node, and which pods wait for a place on one. Kept up to date pod by pod. One
// owner.
class NodeLoads {
 public:
  // A pod as it is now; null: it is gone. `key` is its namespace and name.
  void SetPod(const std::string& key, const v1::Pod* pod);

  const NodeLoad& LoadOf(const std::string& node) const;
  // Keys of pods that are pinned to the node and not bound.
  std::set<std::string> WaitingFor(const std::string& node) const;
  // Keys of pods that are bound to the node, those that have ended included.
  std::set<std::string> BoundTo(const std::string& node) const;
  // All nodes that pods are bound to.
  std::vector<std::string> NodesInUse() const;

  // Nodes on which a waiting pod may fit now that did not before; taken once.
  std::set<std::string> TakeChanged();
  void Touch(const std::string& node) { changed_.insert(node); }

 private:
  struct Entry {
    std::string node;
    bool bound = false;
    bool counts = false;  // In the node's load.
    PodFootprint footprint;
  };

  std::map<std::string, Entry> pods_;
  std::map<std::string, NodeLoad> loads_;
  std::map<std::string, std::set<std::string>> waiting_, bound_;
  std::set<std::string> changed_;
};

// Puts the pod on the node, or says in its PodScheduled condition why it does not fit there.
// Returns the misfits; empty when it was bound.
std::vector<std::string> Bind(const v1::Node& node, const NodeLoad& load, int node_count,
                              WallTime now, v1::Pod& pod);

}  // namespace muster::coordinator
