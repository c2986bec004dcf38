#include "coordinator/nodes/eviction.h"

#include <algorithm>
#include <chrono>

#include "common/base/macros.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/nodes/node_health.h"

namespace muster::coordinator {
namespace {

constexpr std::string_view kOutOfServiceTaint = "node.kubernetes.io/out-of-service";
constexpr int64_t kDefaultToleration = 300;

}  // namespace

std::optional<WallTime> EvictionTime(const model::Tolerations& tolerations,
                                     const model::Taints& taints) {
  std::optional<WallTime> earliest;
  for (const v1::Taint& taint : taints) {
    if (taint.effect() != model::kNoExecute) continue;
    const bool tolerated =
        std::any_of(tolerations.begin(), tolerations.end(),
                    [&](const v1::Toleration& each) { return model::Tolerates(each, taint); });
    const std::optional<int64_t> seconds = model::TolerationSeconds(tolerations, taint);
    if (!tolerated || seconds.value_or(1) <= 0) return WallTime::min();
    if (!seconds) continue;
    const WallTime until = ToWallTime(taint.time_added()) + std::chrono::seconds(std::min<int64_t>(
                                                                *seconds, 100LL * 365 * 24 * 3600));
    if (!earliest || until < *earliest) earliest = until;
  }
  return earliest;
}

bool HasNoExecuteTaint(const v1::Node& node) {
  return std::any_of(node.spec().taints().begin(), node.spec().taints().end(),
                     [](const v1::Taint& taint) { return taint.effect() == model::kNoExecute; });
}

bool IsOutOfService(const v1::Node& node) {
  return ConditionStatus(node, "Ready") != "True" &&
         std::any_of(node.spec().taints().begin(), node.spec().taints().end(),
                     [](const v1::Taint& taint) { return taint.key() == kOutOfServiceTaint; });
}

absl::Status CompletePod(const PriorityClasses& classes, v1::Pod& pod) {
  v1::PodSpec& spec = *pod.mutable_spec();
  if (!spec.has_priority()) {
    const absl::StatusOr<PodPriority> priority = FindPriority(spec, pod.metadata().name(), classes);
    if (!priority.ok()) return priority.status();
    SetPriority(*priority, spec);
  }
  for (const std::string_view key : {model::kNotReadyTaint, model::kUnreachableTaint}) {
    v1::Taint taint;
    taint.set_key(std::string(key));
    taint.set_effect(std::string(model::kNoExecute));
    if (std::any_of(spec.tolerations().begin(), spec.tolerations().end(),
                    [&](const v1::Toleration& each) { return model::Tolerates(each, taint); })) {
      continue;
    }
    v1::Toleration& added = *spec.add_tolerations();
    added.set_key(taint.key());
    added.set_operator_("Exists");
    added.set_effect(taint.effect());
    added.set_toleration_seconds(kDefaultToleration);
  }
  return absl::OkStatus();
}

}  // namespace muster::coordinator
