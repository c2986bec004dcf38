#include "coordinator/daemonset/conditions.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/daemonset/rollout.h"
#include "coordinator/daemonset/rollout_words.h"

namespace muster::coordinator {
namespace {

constexpr char kTrue[] = "True";
constexpr char kFalse[] = "False";
constexpr char kUnknown[] = "Unknown";

struct Finding {
  std::string status;
  std::string reason;
  std::string message;
};

void Set(const std::string& type, Finding finding, WallTime now, v1::DaemonSetStatus& status) {
  auto& conditions = *status.mutable_conditions();
  auto found = std::find_if(conditions.begin(), conditions.end(),
                            [&](const auto& each) { return each.type() == type; });
  v1::DaemonSetCondition& condition = found == conditions.end() ? *conditions.Add() : *found;
  condition.set_type(type);
  if (condition.status() != finding.status) {
    condition.set_status(std::move(finding.status));
    *condition.mutable_last_transition_time() = FromWallTime(now);
  }
  condition.set_reason(std::move(finding.reason));
  condition.set_message(std::move(finding.message));
}

Finding Available(const UpdateBudget& budget, const v1::DaemonSetStatus& status) {
  const v1::DaemonSetRollout& rollout = status.rollout();
  if (rollout.phase() == kPhaseSuspended) return {kFalse, "Suspended", "no pod runs"};
  const int32_t missing = status.desired_number_scheduled() - status.number_available();
  const std::string counts =
      absl::StrCat(status.number_available(), " of ", status.desired_number_scheduled(),
                   " nodes have an available pod");
  if (missing <= budget.max_unavailable) return {kTrue, "EnoughNodesAvailable", counts};
  return {kFalse, "TooFewNodesAvailable", counts};
}

Finding Progressing(const v1::DaemonSetRollout& rollout) {
  const std::string& phase = rollout.phase();
  const std::string counts = absl::StrCat(
      rollout.updated(), " of ", rollout.nodes(), " nodes have revision ", rollout.revision(), ", ",
      rollout.done(), " of them available", LeftClause(rollout));
  if (phase == kPhaseOnDelete) {
    return {kTrue, "OnDelete", absl::StrCat(counts, "; pods are replaced when they are deleted")};
  }
  if (phase == kPhaseSuspended) return {kUnknown, "Suspended", "no pod runs"};
  if (!rollout.rolled_back_from().empty()) {
    const std::string why = absl::StrCat("back from revision ", rollout.rolled_back_from(), ": ",
                                         WhyRolledBack(rollout));
    if (phase == kPhaseComplete) {
      return {kFalse, "RolledBack", absl::StrCat(why, LeftClause(rollout))};
    }
    if (phase == kPhaseProgressing || phase == kPhaseAwaitingNodes) {
      return {kTrue, "RollingBack", absl::StrCat(why, "; ", counts)};
    }
  }
  if (phase == kPhaseHalted) {
    return {kFalse, rollout.halt_reason(), absl::StrCat(rollout.halt_message(), "; ", counts)};
  }
  if (phase == kPhasePaused || phase == kPhaseAwaitingPromotion) return {kUnknown, phase, counts};
  if (phase == kPhaseComplete || phase == kPhaseAwaitingNodes) return {kTrue, phase, counts};
  return {kTrue, "RollingOut", counts};
}

Finding Degraded(const v1::DaemonSetRollout& rollout) {
  if (rollout.failed() == 0) return {kFalse, "NoFailures", ""};
  return {kTrue, "NodesFailing", FailureList(rollout)};
}

}  // namespace

void SetConditions(const UpdateBudget& budget, WallTime now, v1::DaemonSetStatus& status) {
  Set("Available", Available(budget, status), now, status);
  Set("Progressing", Progressing(status.rollout()), now, status);
  Set("Degraded", Degraded(status.rollout()), now, status);
}

}  // namespace muster::coordinator
