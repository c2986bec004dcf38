#include "common/model/taints.h"

#include <algorithm>
#include <optional>
#include <string>

#include "common/model/labels.h"

namespace muster::model {
namespace {

void AddOrReplace(std::string_view key, std::string_view effect, Tolerations& tolerations) {
  v1::Toleration added;
  added.set_key(std::string(key));
  added.set_operator_("Exists");
  added.set_effect(std::string(effect));
  for (v1::Toleration& present : tolerations) {
    if (present.key() == added.key() && present.operator_() == added.operator_() &&
        present.effect() == added.effect() && present.value() == added.value()) {
      present = added;
      return;
    }
  }
  *tolerations.Add() = added;
}

}  // namespace

bool Tolerates(const v1::Toleration& toleration, const v1::Taint& taint) {
  if (!toleration.effect().empty() && toleration.effect() != taint.effect()) return false;
  if (!toleration.key().empty() && toleration.key() != taint.key()) return false;
  const std::string& op = toleration.operator_();
  if (op == "Exists") return true;
  if (op.empty() || op == "Equal") return toleration.value() == taint.value();
  if (op == "Gt" || op == "Lt") {
    const std::optional<int64_t> taint_value = ParseLabelInteger(taint.value());
    const std::optional<int64_t> bound = ParseLabelInteger(toleration.value());
    if (!taint_value || !bound) return false;
    return op == "Gt" ? *taint_value > *bound : *taint_value < *bound;
  }
  return false;
}

std::optional<int64_t> TolerationSeconds(const Tolerations& tolerations, const v1::Taint& taint) {
  std::optional<int64_t> least;
  for (const v1::Toleration& each : tolerations) {
    if (!each.has_toleration_seconds() || !Tolerates(each, taint)) continue;
    least = std::min<int64_t>(least.value_or(each.toleration_seconds()), each.toleration_seconds());
  }
  return least;
}

const v1::Taint* FindUntolerated(const Tolerations& tolerations, const Taints& taints,
                                 std::string_view effect) {
  for (const v1::Taint& taint : taints) {
    if (taint.effect() != effect) continue;
    const bool tolerated =
        std::any_of(tolerations.begin(), tolerations.end(),
                    [&](const v1::Toleration& each) { return Tolerates(each, taint); });
    if (!tolerated) return &taint;
  }
  return nullptr;
}

void AddDaemonTolerations(bool host_network, Tolerations& tolerations) {
  AddOrReplace(kNotReadyTaint, kNoExecute, tolerations);
  AddOrReplace(kUnreachableTaint, kNoExecute, tolerations);
  AddOrReplace(kDiskPressureTaint, kNoSchedule, tolerations);
  AddOrReplace(kMemoryPressureTaint, kNoSchedule, tolerations);
  AddOrReplace(kPidPressureTaint, kNoSchedule, tolerations);
  AddOrReplace(kUnschedulableTaint, kNoSchedule, tolerations);
  if (host_network) AddOrReplace(kNetworkUnavailableTaint, kNoSchedule, tolerations);
}

}  // namespace muster::model
