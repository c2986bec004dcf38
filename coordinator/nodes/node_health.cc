#include "coordinator/nodes/node_health.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "common/model/semantic_equal.h"
#include "common/model/taints.h"
#include "coordinator/daemonset/pod_facts.h"

namespace muster::coordinator {
namespace {

struct PressureTaint {
  std::string_view condition;
  std::string_view taint;
};
constexpr PressureTaint kPressureTaints[] = {
    {"MemoryPressure", model::kMemoryPressureTaint},
    {"DiskPressure", model::kDiskPressureTaint},
    {"PIDPressure", model::kPidPressureTaint},
    {"NetworkUnavailable", model::kNetworkUnavailableTaint}};

// What an agent reports and only an agent can know.
constexpr std::string_view kReported[] = {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"};

v1::NodeCondition& ConditionOf(v1::NodeStatus& status, std::string_view type) {
  for (v1::NodeCondition& condition : *status.mutable_conditions()) {
    if (condition.type() == type) return condition;
  }
  v1::NodeCondition& added = *status.add_conditions();
  added.set_type(std::string(type));
  return added;
}

bool HasTaint(const v1::Node& node, std::string_view key, std::string_view effect) {
  return std::any_of(
      node.spec().taints().begin(), node.spec().taints().end(),
      [&](const v1::Taint& taint) { return taint.key() == key && taint.effect() == effect; });
}

void SetTaint(v1::Node& node, std::string_view key, std::string_view effect, bool wanted,
              WallTime now) {
  if (HasTaint(node, key, effect) == wanted) return;
  auto& taints = *node.mutable_spec()->mutable_taints();
  if (!wanted) {
    taints.erase(std::remove_if(taints.begin(), taints.end(),
                                [&](const v1::Taint& taint) {
                                  return taint.key() == key && taint.effect() == effect;
                                }),
                 taints.end());
    return;
  }
  v1::Taint& taint = *taints.Add();
  taint.set_key(std::string(key));
  taint.set_effect(std::string(effect));
  *taint.mutable_time_added() = FromWallTime(now);
}

void SetUnknown(v1::Node& node, WallTime now) {
  const bool ever_reported = !ConditionStatus(node, "Ready").empty();
  for (const std::string_view type : kReported) {
    v1::NodeCondition& condition = ConditionOf(*node.mutable_status(), type);
    if (condition.status() == "Unknown") continue;
    condition.set_status("Unknown");
    condition.set_reason(ever_reported ? "NodeStatusUnknown" : "NodeStatusNeverUpdated");
    condition.set_message(ever_reported ? "Kubelet stopped posting node status."
                                        : "Kubelet never posted node status.");
    *condition.mutable_last_transition_time() = FromWallTime(now);
  }
}

void SetTaints(v1::Node& node, bool lost, bool all_lost, WallTime now) {
  const std::string ready = ConditionStatus(node, "Ready");
  if (!ready.empty()) {
    const bool unreachable = ready == "Unknown";
    const bool not_ready = ready == "False";
    SetTaint(node, model::kNotReadyTaint, model::kNoSchedule, not_ready, now);
    SetTaint(node, model::kNotReadyTaint, model::kNoExecute, not_ready, now);
    SetTaint(node, model::kUnreachableTaint, model::kNoSchedule, unreachable, now);
    // One that is not lost any more keeps what it has until its agent says that it is well.
    const bool drive_out = lost || HasTaint(node, model::kUnreachableTaint, model::kNoExecute);
    SetTaint(node, model::kUnreachableTaint, model::kNoExecute,
             unreachable && drive_out && !all_lost, now);
  }
  for (const PressureTaint& pressure : kPressureTaints) {
    SetTaint(node, pressure.taint, model::kNoSchedule,
             ConditionStatus(node, pressure.condition) == "True", now);
  }
  // Tolerations that last for a while count from then on.
  for (int i = 0; i < node.spec().taints_size(); ++i) {
    const v1::Taint& taint = node.spec().taints(i);
    if (taint.effect() != model::kNoExecute || taint.has_time_added()) continue;
    *node.mutable_spec()->mutable_taints(i)->mutable_time_added() = FromWallTime(now);
  }
  SetTaint(node, model::kUnschedulableTaint, model::kNoSchedule, node.spec().unschedulable(), now);
}

bool CountsAsReady(const v1::Node& node) {
  return !HasTaint(node, model::kNotReadyTaint, model::kNoSchedule) &&
         !HasTaint(node, model::kUnreachableTaint, model::kNoSchedule);
}

}  // namespace

std::string ConditionStatus(const v1::Node& node, std::string_view type) {
  for (const v1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == type) return condition.status();
  }
  return "";
}

MonoTime LostAt(const v1::Node& node, const std::optional<NodeContact>& contact,
                MonoTime listening_since, const NodeHealthLimits& limits) {
  const auto after = [](MonoTime since, Duration patience) {
    return since + std::chrono::duration_cast<MonoTime::duration>(patience);
  };
  if (!contact || contact->last_seen < listening_since) {
    const bool ever_reported = !ConditionStatus(node, "Ready").empty();
    return after(listening_since, ever_reported ? limits.returning : limits.never_reported);
  }
  return after(contact->last_seen, contact->broken ? limits.broken : limits.silent);
}

NodeHealth JudgeNodeHealth(const v1::Node& node, bool lost, bool all_lost, WallTime now) {
  NodeHealth health;
  v1::Node wanted = node;
  if (lost) SetUnknown(wanted, now);
  SetTaints(wanted, lost, all_lost, now);
  if (model::SemanticallyEqual(node, wanted)) return health;
  if (CountsAsReady(node) != CountsAsReady(wanted)) {
    health.turn = CountsAsReady(wanted) ? NodeHealth::Turn::kReady : NodeHealth::Turn::kNotReady;
  }
  const auto cordoned = [](const v1::Node& each) {
    return HasTaint(each, model::kUnschedulableTaint, model::kNoSchedule);
  };
  if (cordoned(node) != cordoned(wanted)) health.schedulable = !cordoned(wanted);
  health.node = std::move(wanted);
  return health;
}

bool MarkPodNotReady(v1::PodStatus& status, WallTime now) {
  for (v1::PodCondition& condition : *status.mutable_conditions()) {
    if (condition.type() != "Ready" || condition.status() != "True") continue;
    condition.set_status("False");
    condition.set_reason(kNodeNotReadyReason);
    *condition.mutable_last_transition_time() = FromWallTime(now);
    return true;
  }
  return false;
}

}  // namespace muster::coordinator
