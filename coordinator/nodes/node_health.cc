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

void SetTaints(v1::Node& node, bool all_silent, WallTime now) {
  const std::string ready = ConditionStatus(node, "Ready");
  if (!ready.empty()) {
    const bool unreachable = ready == "Unknown";
    const bool not_ready = ready == "False";
    SetTaint(node, model::kNotReadyTaint, model::kNoSchedule, not_ready, now);
    SetTaint(node, model::kNotReadyTaint, model::kNoExecute, not_ready, now);
    SetTaint(node, model::kUnreachableTaint, model::kNoSchedule, unreachable, now);
    const bool drive_out = unreachable && (!all_silent || HasTaint(node, model::kUnreachableTaint,
                                                                   model::kNoExecute));
    SetTaint(node, model::kUnreachableTaint, model::kNoExecute, drive_out, now);
  }
  for (const PressureTaint& pressure : kPressureTaints) {
    SetTaint(node, pressure.taint, model::kNoSchedule,
             ConditionStatus(node, pressure.condition) == "True", now);
  }
  SetTaint(node, model::kUnschedulableTaint, model::kNoSchedule, node.spec().unschedulable(), now);
}

bool CountsAsReady(const v1::Node& node) {
  return !HasTaint(node, model::kNotReadyTaint, model::kNoSchedule) &&
         !HasTaint(node, model::kUnreachableTaint, model::kNoSchedule);
}

MonoTime SilentSince(const std::optional<NodeContact>& contact, MonoTime started) {
  return contact.has_value() ? contact->last_seen : started;
}

MonoTime LostAt(const v1::Node& node, const std::optional<NodeContact>& contact, MonoTime started,
                const NodeHealthLimits& limits) {
  const bool ever_reported = !ConditionStatus(node, "Ready").empty();
  const Duration patience = ever_reported ? limits.lost_after : limits.never_reported_after;
  return SilentSince(contact, started) +
         std::chrono::duration_cast<MonoTime::duration>(patience);
}

}  // namespace

std::string ConditionStatus(const v1::Node& node, std::string_view type) {
  for (const v1::NodeCondition& condition : node.status().conditions()) {
    if (condition.type() == type) return condition.status();
  }
  return "";
}

bool IsSilent(const std::optional<NodeContact>& contact, MonoTime started,
              const NodeHealthLimits& limits, MonoTime now) {
  if (contact.has_value() && contact->connected) return false;
  return now >= SilentSince(contact, started) +
                    std::chrono::duration_cast<MonoTime::duration>(limits.lost_after);
}

NodeHealth JudgeNodeHealth(const v1::Node& node, const std::optional<NodeContact>& contact,
                           MonoTime started, bool all_silent, const NodeHealthLimits& limits,
                           const Moment& now) {
  NodeHealth health;
  v1::Node wanted = node;
  if (!contact.has_value() || !contact->connected) {
    const MonoTime lost_at = LostAt(node, contact, started, limits);
    if (now.mono >= lost_at) {
      SetUnknown(wanted, now.wall);
    } else {
      health.wake_at = lost_at;
    }
  }
  SetTaints(wanted, all_silent, now.wall);
  if (model::SemanticallyEqual(node, wanted)) return health;
  if (CountsAsReady(node) != CountsAsReady(wanted)) {
    health.turn = CountsAsReady(wanted) ? NodeHealth::Turn::kReady : NodeHealth::Turn::kNotReady;
  }
  health.node = std::move(wanted);
  return health;
}

bool MarkPodNotReady(v1::PodStatus& status, WallTime now) {
  for (v1::PodCondition& condition : *status.mutable_conditions()) {
    if (condition.type() != "Ready" || condition.status() != "True") continue;
    condition.set_status("False");
    condition.set_reason("NodeNotReady");
    *condition.mutable_last_transition_time() = FromWallTime(now);
    return true;
  }
  return false;
}

}  // namespace muster::coordinator
