#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "common/base/moment.h"
#include "coordinator/daemonjob/job_roster.h"
#include "coordinator/daemonjob/job_verdict.h"
#include "coordinator/daemonjob/run_facts.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// What the controllers remember of one DaemonJob between two looks at it: which pods are its own,
// the verdict on each node, and what has changed since. One owner.
class DaemonJobState {
 public:
  explicit DaemonJobState(v1::Object object);

  const v1::DaemonJob& job() const { return object_.daemon_job(); }
  const v1::Object& object() const { return object_; }

  // True when it is another one of the same name, whose pods are others too.
  bool Update(v1::Object object);
  // A pod of its own as it is now; null, or one that is not: it is none any more.
  void SetPod(const std::string& name, const v1::Pod* pod);
  void TouchNode(const std::string& node);

  // Brings the verdicts up to date. `find_node` gives null for a node that is not there; all nodes
  // are asked for only after a change that concerns all.
  template <typename FindNode, typename ForEachNode>
  void Judge(const Moment& now, const FindNode& find_node, const ForEachNode& for_each_node) {
    if (all_nodes_stale_) {
      for_each_node([this](const std::string& node) { stale_nodes_.insert(node); });
      for (const auto& [node, runs] : runs_by_node_) stale_nodes_.insert(node);
      for (const auto& [node, verdict] : roster_.verdicts()) stale_nodes_.insert(node);
      for (const v1::DaemonJobNode& record : job().status().nodes()) {
        stale_nodes_.insert(record.node());
      }
      all_nodes_stale_ = false;
    }
    for (const std::string& node : roster_.Due(now.mono)) stale_nodes_.insert(node);
    for (const std::string& node : stale_nodes_) JudgeOne(node, find_node(node), now);
    stale_nodes_.clear();
  }

  const JobRoster& roster() const { return roster_; }
  // The pods that have it as their controller.
  const std::map<std::string, RunFacts>& runs() const { return runs_; }

  // For the loop's own use.
  bool dirty = true;
  int failures = 0;
  std::optional<MonoTime> retry_at;
  std::optional<MonoTime> wake_at;
  std::optional<MonoTime> recorded_at;  // When results were written last.

 private:
  void ForgetPod(const std::string& name);
  void TouchChangedRecords(const v1::DaemonJobStatus& before);
  void JudgeOne(const std::string& node, const v1::Node* found, const Moment& now);

  v1::Object object_;
  std::unique_ptr<const JobRules> rules_;
  std::map<std::string, RunFacts> runs_;                              // By pod name.
  std::map<std::string, std::vector<const RunFacts*>> runs_by_node_;  // Into runs_.
  bool all_nodes_stale_ = true;
  std::set<std::string> stale_nodes_;
  JobRoster roster_;
};

}  // namespace muster::coordinator
