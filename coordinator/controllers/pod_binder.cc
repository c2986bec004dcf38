#include "coordinator/controllers/pod_binder.h"

#include <utility>

#include "coordinator/daemonset/pod_facts.h"

namespace muster::coordinator {
namespace {

template <typename Map>
void Erase(Map& sets, const std::string& node, const std::string& key) {
  const auto found = sets.find(node);
  if (found == sets.end()) return;
  found->second.erase(key);
  if (found->second.empty()) sets.erase(found);
}

std::set<std::string> SetOf(const std::map<std::string, std::set<std::string>>& sets,
                            const std::string& node) {
  const auto found = sets.find(node);
  return found == sets.end() ? std::set<std::string>() : found->second;
}

v1::PodCondition& ScheduledCondition(v1::PodStatus& status) {
  for (v1::PodCondition& condition : *status.mutable_conditions()) {
    if (condition.type() == "PodScheduled") return condition;
  }
  v1::PodCondition& added = *status.add_conditions();
  added.set_type("PodScheduled");
  return added;
}

}  // namespace

void NodeLoads::SetPod(const std::string& key, const v1::Pod* pod) {
  if (const auto known = pods_.find(key); known != pods_.end()) {
    const Entry& entry = known->second;
    if (entry.counts) {
      loads_[entry.node].Remove(entry.footprint);
      changed_.insert(entry.node);
    }
    Erase(entry.bound ? bound_ : waiting_, entry.node, key);
    pods_.erase(known);
  }
  if (pod == nullptr) return;
  const PodFacts facts = PodFactsOf(*pod);
  if (facts.node.empty()) return;
  Entry entry{facts.node, facts.bound, facts.bound && !facts.terminal(), {}};
  if (entry.counts) {
    entry.footprint = FootprintOf(pod->spec());
    loads_[facts.node].Add(entry.footprint);
  }
  (entry.bound ? bound_ : waiting_)[facts.node].insert(key);
  if (!entry.bound) changed_.insert(facts.node);
  pods_.emplace(key, std::move(entry));
}

const NodeLoad& NodeLoads::LoadOf(const std::string& node) const {
  static const NodeLoad kNone;
  const auto found = loads_.find(node);
  return found == loads_.end() ? kNone : found->second;
}

std::set<std::string> NodeLoads::WaitingFor(const std::string& node) const {
  return SetOf(waiting_, node);
}

std::set<std::string> NodeLoads::BoundTo(const std::string& node) const {
  return SetOf(bound_, node);
}

std::vector<std::string> NodeLoads::NodesInUse() const {
  std::vector<std::string> nodes;
  for (const auto& [node, pods] : bound_) nodes.push_back(node);
  return nodes;
}

std::set<std::string> NodeLoads::TakeChanged() { return std::exchange(changed_, {}); }

std::vector<std::string> Bind(const v1::Node& node, const NodeLoad& load, int node_count,
                              WallTime now, v1::Pod& pod) {
  std::vector<std::string> misfits =
      Misfits(FootprintOf(pod.spec()), node.status().allocatable(), load);
  v1::PodStatus& status = *pod.mutable_status();
  if (status.phase().empty()) status.set_phase("Pending");
  v1::PodCondition& condition = ScheduledCondition(status);
  const std::string wanted = misfits.empty() ? "True" : "False";
  if (condition.status() != wanted) {
    *condition.mutable_last_transition_time() = FromWallTime(now);
  }
  condition.set_status(wanted);
  if (misfits.empty()) {
    pod.mutable_spec()->set_node_name(node.metadata().name());
    condition.clear_reason();
    condition.clear_message();
  } else {
    condition.set_reason("Unschedulable");
    condition.set_message(UnschedulableMessage(misfits, node_count));
  }
  return misfits;
}

}  // namespace muster::coordinator
