#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/moment.h"
#include "common/model/labels.h"
#include "coordinator/daemonset/failure_backoff.h"
#include "coordinator/daemonset/node_verdict.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/daemonset/roster.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What the controllers remember of one DaemonSet between two looks at it: which pods are its own,
// the verdict on each node, and what has changed since. A change of a pod or a node costs that pod
// or node. One owner.
class DaemonSetState {
 public:
  explicit DaemonSetState(v1::Object object);

  const v1::DaemonSet& daemon_set() const { return object_.daemon_set(); }
  const v1::Object& object() const { return object_; }
  // With what annotations add to the template: what plans are made from.
  const v1::DaemonSet& effective() const { return effective_; }

  // What its ConfigMaps and Secrets hold; counts when it rolls on them.
  const std::vector<std::string>& config_keys() const { return config_keys_; }
  void SetConfigDigest(const std::string& digest);

  // When its pods have to be claimed anew they are all forgotten, and the names of those that it
  // owned are returned.
  std::optional<std::vector<std::string>> Update(v1::Object object);

  // A pod of the namespace as it is now, of those that it owns or owned or that nobody owns; null:
  // it is gone.
  void SetPod(const std::string& name, const v1::Pod* pod);
  void TouchNode(const std::string& node);
  void TouchRevisions() { revisions_stale_ = true; }

  // Brings the verdicts up to date. `find_node` gives null for a node that is not there; all nodes
  // are asked for only after a change that concerns all.
  template <typename FindNode, typename ForEachNode>
  void Judge(const std::vector<const v1::ControllerRevision*>& revisions, const Moment& now,
             const FindNode& find_node, const ForEachNode& for_each_node) {
    RefreshRevisions(revisions);
    if (all_nodes_stale_) {
      for_each_node([this](const std::string& node) { stale_nodes_.insert(node); });
      for (const auto& [node, pods] : pods_by_node_) stale_nodes_.insert(node);
      for (const auto& [node, verdict] : roster_.verdicts()) stale_nodes_.insert(node);
      all_nodes_stale_ = false;
    }
    for (const std::string& node : roster_.Due(now.mono)) stale_nodes_.insert(node);
    for (const std::string& node : stale_nodes_) JudgeOne(node, find_node(node), now);
    stale_nodes_.clear();
  }
  bool needs_revisions() const { return revisions_stale_; }

  const Roster& roster() const { return roster_; }
  const RevisionPlan& revisions() const { return revisions_; }
  const std::vector<std::string> adopt() const { return {adopt_.begin(), adopt_.end()}; }
  const std::vector<std::string> release() const { return {release_.begin(), release_.end()}; }
  FailureBackoff& backoff() { return backoff_; }
  // The pods that have it as their controller.
  std::vector<const PodFacts*> Owned() const;

  // For the loop's own use.
  bool dirty = true;
  int failures = 0;
  std::optional<MonoTime> retry_at;
  std::optional<MonoTime> wake_at;
  bool waits_for_pulls = false;  // Of others, in the fleet.
  // Events of what could not be written: neither could they. Told with what is written next.
  std::map<std::string, std::string> owed_events;  // Reason to message.

 private:
  struct Claimed {
    Claim claim;
    PodFacts facts;
  };

  void MakeEffective();
  void ForgetPod(const std::string& name);
  void RefreshRevisions(const std::vector<const v1::ControllerRevision*>& revisions);
  void JudgeOne(const std::string& node, const v1::Node* found, const Moment& now);

  v1::Object object_;
  v1::DaemonSet effective_;
  std::vector<std::string> config_keys_;  // Empty unless it rolls on them.
  std::string config_digest_;
  std::unique_ptr<DaemonSetRules> rules_;
  std::map<std::string, Claimed> claims_;  // By pod name; without those that are none of it.
  std::map<std::string, std::vector<const PodFacts*>> pods_by_node_;  // Managed; into claims_.
  std::map<std::string, int> pods_by_hash_;
  std::set<std::string> adopt_, release_;
  RevisionPlan revisions_;
  bool revisions_stale_ = true;
  bool all_nodes_stale_ = true;
  std::set<std::string> stale_nodes_;
  Roster roster_;
  FailureBackoff backoff_;
};

}  // namespace muster::coordinator
