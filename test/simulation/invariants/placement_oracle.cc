#include "test/simulation/invariants/placement_oracle.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace muster::simulation {
namespace {

constexpr char kNodesPrefix[] = "/nodes/";
constexpr char kPodsPrefix[] = "/pods/";
constexpr char kDaemonSetsPrefix[] = "/daemonsets/";

// Spec 1.4, for pods without the host's network.
bool ToleratedByEveryDaemon(const v1::Taint& taint) {
  const std::string prefix = "node.kubernetes.io/";
  if (!absl::StartsWith(taint.key(), prefix)) return false;
  const std::string name = taint.key().substr(prefix.size());
  if (taint.effect() == "NoExecute") return name == "not-ready" || name == "unreachable";
  return name == "disk-pressure" || name == "memory-pressure" || name == "pid-pressure" ||
         name == "unschedulable";
}

bool TaintsAllow(const v1::DaemonSet& daemon_set, const v1::Node& node, bool to_continue) {
  for (const v1::Toleration& toleration : daemon_set.spec().template_().spec().tolerations()) {
    if (toleration.operator_() == "Exists" && toleration.key().empty()) return true;
  }
  const auto& taints = node.spec().taints();
  return std::none_of(taints.begin(), taints.end(), [&](const v1::Taint& taint) {
    if (ToleratedByEveryDaemon(taint)) return false;
    return taint.effect() == "NoExecute" || (taint.effect() == "NoSchedule" && !to_continue);
  });
}

bool SelectorMatches(const v1::DaemonSet& daemon_set, const v1::Node& node) {
  const auto& labels = node.metadata().labels();
  const auto& selector = daemon_set.spec().template_().spec().node_selector();
  return std::all_of(selector.begin(), selector.end(), [&](const auto& wanted) {
    const auto found = labels.find(wanted.first);
    return found != labels.end() && found->second == wanted.second;
  });
}

int Parts(const std::string& share, int desired, int rounding) {
  const size_t percent_at = share.find('%');
  int number = 0;
  if (!absl::SimpleAtoi(share.substr(0, percent_at), &number)) return 0;
  return percent_at == std::string::npos ? number : (number * desired + rounding) / 100;
}

int Amount(const v1::IntOrString& value, int desired) {
  if (value.value_case() == v1::IntOrString::kIntValue) return value.int_value();
  return Parts(value.string_value(), desired, 99);
}

template <typename Conditions>
std::string StatusIn(const Conditions& conditions, const std::string& type) {
  for (const auto& condition : conditions) {
    if (condition.type() == type) return condition.status();
  }
  return "";
}

}  // namespace

bool ShouldRun(const v1::DaemonSet& daemon_set, const v1::Node& node) {
  return !IsSuspended(daemon_set) && SelectorMatches(daemon_set, node) &&
         TaintsAllow(daemon_set, node, false);
}

bool ShouldContinue(const v1::DaemonSet& daemon_set, const v1::Node& node) {
  return !IsSuspended(daemon_set) && SelectorMatches(daemon_set, node) &&
         TaintsAllow(daemon_set, node, true);
}

std::string ConditionOf(const v1::Pod& pod, const std::string& type) {
  return StatusIn(pod.status().conditions(), type);
}

std::string ConditionOf(const v1::Node& node, const std::string& type) {
  return StatusIn(node.status().conditions(), type);
}

bool IsReady(const v1::Pod& pod) { return ConditionOf(pod, "Ready") == "True"; }

bool IsAvailable(const v1::Pod& pod, int min_ready_seconds, WallTime now) {
  if (!IsReady(pod)) return false;
  if (min_ready_seconds == 0) return true;
  for (const v1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() != "Ready" || !condition.has_last_transition_time()) continue;
    const WallTime since{std::chrono::seconds(condition.last_transition_time().seconds())};
    return now - since > std::chrono::seconds(min_ready_seconds);
  }
  return false;
}

bool IsTerminal(const v1::Pod& pod) {
  return pod.status().phase() == "Failed" || pod.status().phase() == "Succeeded";
}

bool IsCurrent(const v1::Pod& pod, const v1::DaemonSet& daemon_set, const v1::Node* node,
               const Objects& objects, const Ledger& ledger) {
  if (VariantOf(pod.spec()) != WantedVariant(daemon_set, node)) return false;
  if (!RollsOnConfig(daemon_set)) return true;
  const PodHistory* history = ledger.FindPod(pod.metadata().uid());
  return history != nullptr && history->config == ConfigIn(objects, daemon_set.metadata().name());
}

bool IsSurging(const v1::DaemonSet& daemon_set) {
  const v1::DaemonSetUpdateStrategy& strategy = daemon_set.spec().update_strategy();
  return strategy.type() == "RollingUpdate" && Amount(strategy.rolling_update().max_surge(), 1) > 0;
}

int MaxUnavailable(const v1::DaemonSet& daemon_set, int desired) {
  const v1::RollingUpdateDaemonSet& rolling = daemon_set.spec().update_strategy().rolling_update();
  const int unavailable = Amount(rolling.max_unavailable(), desired);
  return unavailable == 0 && Amount(rolling.max_surge(), desired) == 0 ? 1 : unavailable;
}

int MaxSurge(const v1::DaemonSet& daemon_set, int desired) {
  return Amount(daemon_set.spec().update_strategy().rolling_update().max_surge(), desired);
}

int RoundedUp(const std::string& share, int desired) { return Parts(share, desired, 99); }

int RoundedDown(const std::string& share, int desired) { return Parts(share, desired, 0); }

std::map<std::string, const v1::Node*> NodesIn(const Objects& objects) {
  std::map<std::string, const v1::Node*> nodes;
  for (auto it = objects.lower_bound(kNodesPrefix);
       it != objects.end() && absl::StartsWith(it->first, kNodesPrefix); ++it) {
    nodes[it->second->node().metadata().name()] = &it->second->node();
  }
  return nodes;
}

const v1::DaemonSet* DaemonSetIn(const Objects& objects, const std::string& uid) {
  for (auto it = objects.lower_bound(kDaemonSetsPrefix);
       it != objects.end() && absl::StartsWith(it->first, kDaemonSetsPrefix); ++it) {
    if (it->second->daemon_set().metadata().uid() == uid) return &it->second->daemon_set();
  }
  return nullptr;
}

std::map<std::string, std::vector<const v1::Pod*>> PodsOf(const Objects& objects,
                                                          const std::string& uid) {
  std::map<std::string, std::vector<const v1::Pod*>> pods;
  for (auto it = objects.lower_bound(kPodsPrefix);
       it != objects.end() && absl::StartsWith(it->first, kPodsPrefix); ++it) {
    const v1::Pod& pod = it->second->pod();
    if (OwnerUidOf(pod.metadata()) != uid) continue;
    if (IsTerminal(pod) && pod.metadata().has_deletion_timestamp()) continue;
    pods[NodeOf(pod)].push_back(&pod);
  }
  return pods;
}

}  // namespace muster::simulation
