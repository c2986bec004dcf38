#include "coordinator/controllers/pod_binder.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/nodes/pod_removal.h"
#include "coordinator/placement/priority.h"

namespace muster::coordinator {
namespace {

using Sets = std::map<std::string, std::set<std::string>>;

void Erase(Sets& sets, const std::string& node, const std::string& key) {
  const auto found = sets.find(node);
  if (found == sets.end()) return;
  found->second.erase(key);
  if (found->second.empty()) sets.erase(found);
}

const std::set<std::string>& SetOf(const Sets& sets, const std::string& node) {
  static const std::set<std::string> kNone;
  const auto found = sets.find(node);
  return found == sets.end() ? kNone : found->second;
}

LoadedPod Describe(const v1::Pod& pod) {
  LoadedPod loaded;
  const PodPhase phase = PhaseOf(pod);
  loaded.bound = !pod.spec().node_name().empty();
  loaded.ended = phase == PodPhase::kSucceeded || phase == PodPhase::kFailed;
  loaded.counts = loaded.bound && !loaded.ended;
  if (loaded.bound) {
    loaded.node = pod.spec().node_name();
  } else if (IsDaemonPod(pod)) {
    loaded.node = TargetNode(pod.spec());
  }
  loaded.terminating = pod.metadata().has_deletion_timestamp();
  loaded.preempted = loaded.terminating && IsPreempted(pod.status());
  loaded.never_preempts = pod.spec().preemption_policy() == kNeverPreempt;
  loaded.priority = pod.spec().priority();
  loaded.created = ToWallTime(pod.metadata().creation_timestamp());
  if (!loaded.bound) loaded.nominated = pod.status().nominated_node_name();
  loaded.uid = pod.metadata().uid();
  return loaded;
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
  pods_.erase(known);
}

void NodeLoads::SetPod(const std::string& key, const v1::Pod* pod) {
  if (pod == nullptr) return Forget(key);
  LoadedPod loaded = Describe(*pod);
  if (const auto known = pods_.find(key); known != pods_.end()) {
    LoadedPod& before = known->second;
    // What a pod takes does not change as long as it lives.
    if (before.uid == loaded.uid) loaded.footprint = before.footprint;
    if (before.uid == loaded.uid && before.node == loaded.node && before.bound == loaded.bound &&
        before.ended == loaded.ended && before.nominated == loaded.nominated &&
        before.priority == loaded.priority) {
      before = std::move(loaded);
      return;
    }
  }
  Forget(key);
  if (loaded.footprint == nullptr) {
    loaded.footprint = std::make_shared<const PodFootprint>(FootprintOf(pod->spec()));
  }
  if (loaded.counts) loads_[loaded.node].Add(*loaded.footprint);
  if (loaded.bound) {
    bound_[loaded.node].insert(key);
  } else if (loaded.node.empty()) {
    unplaced_.insert(key);
    unplaced_changed_ = true;
  } else {
    waiting_[loaded.node].insert(key);
    changed_.insert(loaded.node);
  }
  if (!loaded.nominated.empty()) nominated_[loaded.nominated].insert(key);
  pods_.emplace(key, std::move(loaded));
}

const LoadedPod* NodeLoads::Find(const std::string& key) const {
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
  for (const std::string& other : SetOf(nominated_, node)) {
    const LoadedPod& pod = pods_.at(other);
    if (other != key && pod.priority >= priority && !pod.terminating) load.Add(*pod.footprint);
  }
  return load;
}

std::vector<PodOnNode> NodeLoads::PodsOn(const std::string& node) const {
  std::vector<PodOnNode> pods;
  for (const std::string& key : SetOf(bound_, node)) {
    const LoadedPod& pod = pods_.at(key);
    if (!pod.counts) continue;
    pods.push_back({key, pod.priority, pod.created, pod.terminating, *pod.footprint});
  }
  return pods;
}

bool NodeLoads::IsBeingFreed(const std::string& node, int32_t priority) const {
  const std::set<std::string>& keys = SetOf(bound_, node);
  return std::any_of(keys.begin(), keys.end(), [&](const std::string& key) {
    const LoadedPod& pod = pods_.at(key);
    return pod.counts && pod.preempted && pod.priority < priority;
  });
}

std::vector<std::string> NodeLoads::InOrder(const std::set<std::string>& keys) const {
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
  std::set<std::string> keys = SetOf(waiting_, node);
  const std::set<std::string>& nominated = SetOf(nominated_, node);
  keys.insert(nominated.begin(), nominated.end());
  return InOrder(keys);
}

std::vector<std::string> NodeLoads::Unplaced() const { return InOrder(unplaced_); }

const std::set<std::string>& NodeLoads::BoundTo(const std::string& node) const {
  return SetOf(bound_, node);
}

std::set<std::string> NodeLoads::TakeChanged() { return std::exchange(changed_, {}); }

bool NodeLoads::TakeUnplacedChanged() {
  return std::exchange(unplaced_changed_, false) && !unplaced_.empty();
}

bool IsDaemonPod(const v1::Pod& pod) {
  const v1::OwnerReference* owner = ControllerOf(pod.metadata());
  return owner != nullptr && (owner->kind() == "DaemonSet" || owner->kind() == "DaemonJob");
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

}  // namespace muster::coordinator
