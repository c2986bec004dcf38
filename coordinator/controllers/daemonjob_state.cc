#include "coordinator/controllers/daemonjob_state.h"

#include <utility>

#include "coordinator/daemonjob/job_plan.h"
#include "coordinator/daemonset/ownership.h"

namespace muster::coordinator {

DaemonJobState::DaemonJobState(v1::Object object)
    : object_(std::move(object)), rules_(std::make_unique<JobRules>(job())) {}

bool DaemonJobState::Update(v1::Object object) {
  const bool another = job().metadata().uid() != object.daemon_job().metadata().uid();
  const bool changed = job().metadata().generation() != object.daemon_job().metadata().generation();
  const v1::Object before = std::exchange(object_, std::move(object));
  dirty = true;
  if (another || changed) {
    // What went wrong may have been the old specification's fault, and who changed it waits.
    failures = 0;
    retry_at.reset();
  }
  if (another || !rules_->Fits(job())) {
    rules_ = std::make_unique<JobRules>(job());
    all_nodes_stale_ = true;
  }
  if (!another) {
    if (!all_nodes_stale_) TouchChangedRecords(before.daemon_job().status());
    return false;
  }
  runs_by_node_.clear();
  runs_.clear();
  return true;
}

// Both lists are in the order of names.
void DaemonJobState::TouchChangedRecords(const v1::DaemonJobStatus& before) {
  const auto& old = before.nodes();
  const auto& now = job().status().nodes();
  int i = 0;
  int j = 0;
  while (i < old.size() || j < now.size()) {
    const bool only_old = j == now.size() || (i < old.size() && old[i].node() < now[j].node());
    const bool only_new = i == old.size() || (j < now.size() && now[j].node() < old[i].node());
    if (only_old) {
      stale_nodes_.insert(old[i++].node());
    } else if (only_new) {
      stale_nodes_.insert(now[j++].node());
    } else {
      const v1::DaemonJobNode& a = old[i++];
      const v1::DaemonJobNode& b = now[j++];
      if (a.outcome() != b.outcome() || a.failures() != b.failures() ||
          a.node_uid() != b.node_uid() || a.retry_time().seconds() != b.retry_time().seconds()) {
        stale_nodes_.insert(b.node());
      }
    }
  }
}

void DaemonJobState::ForgetPod(const std::string& name) {
  const auto found = runs_.find(name);
  if (found == runs_.end()) return;
  if (auto node = runs_by_node_.find(found->second.node); node != runs_by_node_.end()) {
    std::erase(node->second, &found->second);
    if (node->second.empty()) runs_by_node_.erase(node);
  }
  stale_nodes_.insert(found->second.node);
  runs_.erase(found);
  dirty = true;
}

void DaemonJobState::SetPod(const std::string& name, const v1::Pod* pod) {
  ForgetPod(name);
  const v1::OwnerReference* owner = pod == nullptr ? nullptr : ControllerOf(pod->metadata());
  if (owner == nullptr || owner->uid() != job().metadata().uid()) return;
  const RunFacts& run = runs_.emplace(name, RunFactsOf(*pod)).first->second;
  runs_by_node_[run.node].push_back(&run);
  stale_nodes_.insert(run.node);
  dirty = true;
}

void DaemonJobState::TouchNode(const std::string& node) {
  stale_nodes_.insert(node);
  dirty = true;
}

void DaemonJobState::JudgeOne(const std::string& node, const v1::Node* found, const Moment& now) {
  static const std::vector<const RunFacts*> kNone;
  const auto here = runs_by_node_.find(node);
  roster_.Set(node, JudgeJobNode(*rules_, found, node, FindRecord(job(), node),
                                 here == runs_by_node_.end() ? kNone : here->second, now));
}

}  // namespace muster::coordinator
