#include "coordinator/controllers/pod_binder.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/model/static_pod.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/nodes/pod_removal.h"
#include "coordinator/placement/priority.h"

namespace muster::coordinator {
namespace {

using Keys = NodeLoads::Keys;

void Erase(std::map<std::string, Keys>& sets, const std::string& node, std::string_view key) {
  const auto found = sets.find(node);
  if (found == sets.end()) return;
  found->second.erase(key);
  if (found->second.empty()) sets.erase(found);
}

const Keys& KeysOf(const std::map<std::string, Keys>& sets, const std::string& node) {
  static const Keys kNone;
  const auto found = sets.find(node);
  return found == sets.end() ? kNone : found->second;
}

// Pods that one of our controllers makes are pinned to their node by it.
bool IsOurs(const v1::OwnerReference* owner) {
  return owner != nullptr && (owner->kind() == "DaemonSet" || owner->kind() == "DaemonJob");
}

int64_t RevisionOf(const v1::Pod& pod) {
  int64_t revision = 0;
  return absl::SimpleAtoi(pod.metadata().resource_version(), &revision) ? revision : 0;
}

// Equal for equal footprints only.
std::string TextOf(const PodFootprint& footprint) {
  std::string text;
  for (const auto& [name, amount] : footprint.requests) {
    absl::StrAppend(&text, name, "=", amount.MilliValue(), ";");
  }
  for (const model::HostPort& port : footprint.host_ports) {
    absl::StrAppend(&text, port.protocol, "/", port.ip, "/", port.port, "/", port.owner, "/",
                    port.zero_gap, ";");
  }
  return text;
}

v1::PodCondition& ScheduledCondition(v1::PodStatus& status) {
  for (v1::PodCondition& condition : *status.mutable_conditions()) {
    if (condition.type() == "PodScheduled") return condition;
  }
  v1::PodCondition& added = *status.add_conditions();
  added.set_type("PodScheduled");
  return added;
}

v1::PodCondition& SetScheduled(const std::string& wanted, WallTime now, v1::Pod& pod) {
  v1::PodStatus& status = *pod.mutable_status();
  if (status.phase().empty()) status.set_phase("Pending");
  v1::PodCondition& condition = ScheduledCondition(status);
  if (condition.status() != wanted) {
    *condition.mutable_last_transition_time() = FromWallTime(now);
  }
  condition.set_status(wanted);
  return condition;
}

}  // namespace

LoadedPod NodeLoads::Describe(const v1::Pod& pod) {
  LoadedPod loaded;
  const PodPhase phase = PhaseOf(pod);
  const v1::OwnerReference* owner = ControllerOf(pod.metadata());
  if (owner != nullptr) loaded.owner = &*owners_.insert(owner->uid()).first;
  loaded.daemon = IsOurs(owner);
  loaded.mirror = model::IsMirror(pod);
  loaded.bound = !pod.spec().node_name().empty();
  loaded.ended = phase == PodPhase::kSucceeded || phase == PodPhase::kFailed;
  loaded.counts = loaded.bound && !loaded.ended;
  if (loaded.bound) {
    loaded.node = pod.spec().node_name();
  } else if (loaded.daemon) {
    loaded.node = TargetNode(pod.spec());
  }
  loaded.terminating = pod.metadata().has_deletion_timestamp();
  loaded.preempted = loaded.terminating && IsPreempted(pod.status());
  loaded.never_preempts = pod.spec().preemption_policy() == kNeverPreempt;
  loaded.priority = pod.spec().priority();
  loaded.created = ToWallTime(pod.metadata().creation_timestamp());
  if (!loaded.bound) loaded.nominated = pod.status().nominated_node_name();
  loaded.uid_hash = std::hash<std::string>()(pod.metadata().uid());
  loaded.revision = RevisionOf(pod);
  return loaded;
}

std::shared_ptr<const PodFootprint> NodeLoads::Share(PodFootprint footprint) {
  std::weak_ptr<const PodFootprint>& known = footprints_[TextOf(footprint)];
  std::shared_ptr<const PodFootprint> shared = known.lock();
  if (shared == nullptr) {
    shared = std::make_shared<const PodFootprint>(std::move(footprint));
    known = shared;
  }
  return shared;
}

void NodeLoads::Clear() {
  waiting_.clear();
  bound_.clear();
  nominated_.clear();
  unplaced_.clear();
  ownerless_.clear();
  pods_.clear();
  loads_.clear();
  footprints_.clear();
  owners_.clear();
  changed_.clear();
  unplaced_changed_ = false;
}

void NodeLoads::Forget(const std::string& key) {
  const auto known = pods_.find(key);
  if (known == pods_.end()) return;
  const LoadedPod& pod = known->second;
  if (pod.counts) {
    loads_[pod.node].Remove(*pod.footprint);
    changed_.insert(pod.node);
    unplaced_changed_ = true;
  }
  if (pod.bound) {
    Erase(bound_, pod.node, key);
  } else if (pod.node.empty()) {
    unplaced_.erase(key);
  } else {
    Erase(waiting_, pod.node, key);
  }
  if (!pod.nominated.empty()) {
    Erase(nominated_, pod.nominated, key);
    changed_.insert(pod.nominated);
    unplaced_changed_ = true;
  }
  if (pod.owner == nullptr) ownerless_.erase(key);
  pods_.erase(known);
}

void NodeLoads::SetPod(const std::string& key, const v1::Pod* pod) {
  if (pod == nullptr) return Forget(key);
  LoadedPod loaded = Describe(*pod);
  if (const auto known = pods_.find(key); known != pods_.end()) {
    LoadedPod& before = known->second;
    // What a pod takes does not change as long as it lives.
    if (before.uid_hash == loaded.uid_hash) loaded.footprint = before.footprint;
    if (before.uid_hash == loaded.uid_hash && before.node == loaded.node &&
        before.bound == loaded.bound && before.ended == loaded.ended &&
        before.nominated == loaded.nominated && before.priority == loaded.priority &&
        before.owner == loaded.owner) {
      before = std::move(loaded);
      return;
    }
  }
  Forget(key);
  if (loaded.footprint == nullptr) loaded.footprint = Share(FootprintOf(*pod));
  const auto added = pods_.emplace(key, std::move(loaded)).first;
  const std::string_view lasting = added->first;
  const LoadedPod& now = added->second;
  if (now.counts) loads_[now.node].Add(*now.footprint);
  if (now.bound) {
    bound_[now.node].insert(lasting);
  } else if (now.node.empty()) {
    unplaced_.insert(lasting);
    unplaced_changed_ = true;
  } else {
    waiting_[now.node].insert(lasting);
    changed_.insert(now.node);
  }
  if (!now.nominated.empty()) nominated_[now.nominated].insert(lasting);
  if (now.owner == nullptr) ownerless_.insert(lasting);
}

const LoadedPod* NodeLoads::Find(std::string_view key) const {
  const auto found = pods_.find(key);
  return found == pods_.end() ? nullptr : &found->second;
}

const NodeLoad& NodeLoads::LoadOf(const std::string& node) const {
  static const NodeLoad kNone;
  const auto found = loads_.find(node);
  return found == loads_.end() ? kNone : found->second;
}

NodeLoad NodeLoads::LoadFor(const std::string& node, int32_t priority,
                            const std::string& key) const {
  NodeLoad load = LoadOf(node);
  for (const std::string_view other : KeysOf(nominated_, node)) {
    const LoadedPod& pod = pods_.find(other)->second;
    if (other != key && pod.priority >= priority && !pod.terminating) load.Add(*pod.footprint);
  }
  return load;
}

std::vector<PodOnNode> NodeLoads::PodsOn(const std::string& node) const {
  std::vector<PodOnNode> pods;
  for (const std::string_view key : KeysOf(bound_, node)) {
    const LoadedPod& pod = pods_.find(key)->second;
    if (!pod.counts || pod.mirror) continue;
    pods.push_back({std::string(key), pod.priority, pod.created, pod.terminating, *pod.footprint});
  }
  return pods;
}

bool NodeLoads::IsBeingFreed(const std::string& node, int32_t priority) const {
  const Keys& keys = KeysOf(bound_, node);
  return std::any_of(keys.begin(), keys.end(), [&](std::string_view key) {
    const LoadedPod& pod = pods_.find(key)->second;
    return pod.counts && pod.preempted && pod.priority < priority;
  });
}

std::vector<std::string> NodeLoads::InOrder(const Keys& keys) const {
  std::vector<std::string> ordered(keys.begin(), keys.end());
  const auto rank = [this](const std::string& key) {
    const LoadedPod& pod = pods_.at(key);
    return std::tuple(-static_cast<int64_t>(pod.priority), pod.created);
  };
  std::stable_sort(ordered.begin(), ordered.end(),
                   [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
  return ordered;
}

std::vector<std::string> NodeLoads::WaitingFor(const std::string& node) const {
  Keys keys = KeysOf(waiting_, node);
  const Keys& nominated = KeysOf(nominated_, node);
  keys.insert(nominated.begin(), nominated.end());
  return InOrder(keys);
}

std::vector<std::string> NodeLoads::Unplaced() const { return InOrder(unplaced_); }

const NodeLoads::Keys& NodeLoads::BoundTo(const std::string& node) const {
  return KeysOf(bound_, node);
}

std::set<std::string> NodeLoads::TakeChanged() { return std::exchange(changed_, {}); }

bool NodeLoads::TakeUnplacedChanged() {
  return std::exchange(unplaced_changed_, false) && !unplaced_.empty();
}

void Bind(const std::string& node, WallTime now, v1::Pod& pod) {
  pod.mutable_spec()->set_node_name(node);
  pod.mutable_status()->clear_nominated_node_name();
  v1::PodCondition& condition = SetScheduled("True", now, pod);
  condition.clear_reason();
  condition.clear_message();
}

void SetUnschedulable(const std::string& message, WallTime now, v1::Pod& pod) {
  v1::PodCondition& condition = SetScheduled("False", now, pod);
  condition.set_reason("Unschedulable");
  condition.set_message(message);
}

void SetUnschedulableThere(const std::string& message, WallTime now, v1::Pod& pod) {
  const auto reasons = [](std::string text) {
    constexpr std::string_view kOthers = "node(s) didn't satisfy plugin(s) [NodeAffinity]";
    if (const size_t at = text.find(kOthers); at != std::string::npos) {
      text.erase(at, kOthers.size());
    }
    std::erase_if(text, [](char c) { return !absl::ascii_isalpha(static_cast<unsigned char>(c)); });
    return text;
  };
  for (const v1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() == "PodScheduled" && condition.status() == "False" &&
        reasons(condition.message()) == reasons(message)) {
      return;
    }
  }
  SetUnschedulable(message, now, pod);
}

}  // namespace muster::coordinator
