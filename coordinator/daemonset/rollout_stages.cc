#include "coordinator/daemonset/rollout_stages.h"

#include <algorithm>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "coordinator/daemonset/pod_factory.h"
#include "coordinator/daemonset/update_budget.h"

namespace muster::coordinator {
namespace {

class Stages {
 public:
  Stages(const v1::DaemonSet& daemon_set, const Roster& roster, const DaemonSetPlan& plan)
      : rollout_(plan.status ? plan.status->rollout() : daemon_set.status().rollout()),
        budget_(BudgetOf(daemon_set, roster.tally().desired)) {
    for (const PlannedRemoval& each : plan.remove) taken_on_.insert(each.node);
    for (const v1::Pod& each : plan.create) taken_on_.insert(TargetNode(each.spec()));
    for (const v1::DaemonSetNodeFailure& each : rollout_.failures()) {
      if (!each.accepted()) failures_[each.node()] = &each;
    }
    // The order in which nodes are taken on: unhealthy ones first.
    for (const RolloutRole role : {RolloutRole::kReplaceNow, RolloutRole::kStartNow,
                                   RolloutRole::kCandidate, RolloutRole::kStartCandidate}) {
      for (const std::string_view node : roster.with_role(role)) {
        if (!taken_on_.contains(std::string(node))) places_.emplace(node, places_.size() + 1);
      }
    }
  }

  NodeStage Of(const std::string& node, const NodeVerdict& verdict) const {
    const auto [stage, why] = Judge(node, verdict);
    return {node, stage, why};
  }

 private:
  struct Said {
    const char* stage;
    std::string why;
  };

  Said Judge(const std::string& node, const NodeVerdict& verdict) const {
    if (verdict.left) return {"left", "unreachable, is updated when it returns"};
    if (const auto failure = failures_.find(node); failure != failures_.end()) {
      return {"failed", absl::StrCat(failure->second->reason(), ": ", failure->second->message())};
    }
    if (verdict.failure != RolloutFailure::kNone) {
      return {"failed", absl::StrCat(NameOf(verdict.failure), ": ", verdict.failure_text)};
    }
    if (verdict.unreachable) return {"left", "unreachable, its pod is up to date"};
    if (verdict.progress.done > 0) return {"done", "the new pod is available"};
    if (taken_on_.contains(node)) return {"in work", "it is taken on now"};
    if (const auto place = places_.find(node); place != places_.end()) {
      return Waiting(place->second, verdict);
    }
    if (verdict.progress.unproven > 0) return {"in work", "the new pod is not available yet"};
    if (verdict.progress.vacant > 0) {
      return {"in work", verdict.has_pods ? "the pod before is stopping" : "no pod runs"};
    }
    if (!verdict.should_run) return {"skipped", "pods do not start here any more"};
    return {"in work", "the pod before is on its way out"};
  }

  Said Waiting(size_t place, const NodeVerdict& verdict) const {
    if (rollout_.phase() == kPhaseHalted) return {"held", "the rollout was halted"};
    if (rollout_.phase() == kPhasePaused) return {"held", "the rollout is paused"};
    if (rollout_.phase() == kPhaseAwaitingPromotion) {
      return {"held", "the canary waits to be promoted"};
    }
    if (!rollout_.complete() && LooksDeadly(rollout_)) {
      return {"held", "most of the nodes that got the new revision went silent with it"};
    }
    if (rollout_.phase() == kPhaseOnDelete) return {"held", "the update strategy is OnDelete"};
    const bool surge = budget_.max_surge > 0;
    return {"waiting", absl::StrCat(PullText(verdict), "number ", place, " in line, ",
                                    surge ? "maxSurge " : "maxUnavailable ",
                                    surge ? budget_.max_surge : budget_.max_unavailable)};
  }

  static std::string PullText(const NodeVerdict& verdict) {
    switch (verdict.pull) {
      case PullStage::kNone:
      case PullStage::kStray:
      case PullStage::kWanted:
        return "";
      case PullStage::kUnderWay:
        return "the image is being pulled, ";
      case PullStage::kLate:
        return "the image is being pulled and takes long, ";
      case PullStage::kUnnoticed:
      case PullStage::kFailed:
      case PullStage::kDue:
        return absl::StrCat("the image cannot be pulled: ", verdict.failure_text, "; ");
      case PullStage::kHere:
        return "the image is there, ";
    }
    return "";
  }

  const v1::DaemonSetRollout& rollout_;
  const UpdateBudget budget_;
  std::set<std::string> taken_on_;
  std::map<std::string, const v1::DaemonSetNodeFailure*> failures_;
  std::map<std::string, size_t, std::less<>> places_;
};

}  // namespace

std::vector<NodeStage> StagesOf(const v1::DaemonSet& daemon_set, const Roster& roster,
                                const DaemonSetPlan& plan) {
  const Stages stages(daemon_set, roster, plan);
  std::vector<NodeStage> all;
  for (const auto& [node, verdict] : roster.verdicts()) {
    if (verdict.should_run || verdict.has_pods) all.push_back(stages.Of(node, verdict));
  }
  return all;
}

}  // namespace muster::coordinator
