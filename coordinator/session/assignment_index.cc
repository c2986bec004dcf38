#include "coordinator/session/assignment_index.h"

#include <utility>

#include "coordinator/templates/references.h"

namespace muster::coordinator {

void AssignmentIndex::SetPod(const std::string& key, const v1::Pod& pod,
                             std::vector<Touched>& touched) {
  const std::string& node = pod.spec().node_name();
  if (node.empty()) return RemovePod(key, touched);
  PodFacts facts{node, pod.metadata().uid(), ReferencedKeys(pod)};
  // The new reasons first: what both mention is then never released in between.
  Hold(node, key, touched);
  for (const std::string& reference : facts.references) Hold(node, reference, touched);
  if (auto it = pods_.find(key); it != pods_.end()) {
    const PodFacts old = std::exchange(it->second, std::move(facts));
    Release(old.node, key, touched);
    for (const std::string& reference : old.references) Release(old.node, reference, touched);
  } else {
    pods_.emplace(key, std::move(facts));
  }
  touched.push_back({node, key});
}

void AssignmentIndex::RemovePod(const std::string& key, std::vector<Touched>& touched) {
  auto node = pods_.extract(key);
  if (node.empty()) return;
  const PodFacts& old = node.mapped();
  Release(old.node, key, touched);
  for (const std::string& reference : old.references) Release(old.node, reference, touched);
}

void AssignmentIndex::ReferenceChanged(const std::string& key,
                                       std::vector<Touched>& touched) const {
  auto it = nodes_by_reference_.find(key);
  if (it == nodes_by_reference_.end()) return;
  for (const std::string& node : it->second) touched.push_back({node, key});
}

const AssignmentIndex::PodFacts* AssignmentIndex::FindPod(const std::string& key) const {
  auto it = pods_.find(key);
  return it == pods_.end() ? nullptr : &it->second;
}

bool AssignmentIndex::Wants(const std::string& node, const std::string& key) const {
  auto it = wanted_.find(node);
  return it != wanted_.end() && it->second.contains(key);
}

std::vector<std::string> AssignmentIndex::KeysOf(const std::string& node) const {
  std::vector<std::string> keys;
  if (auto it = wanted_.find(node); it != wanted_.end()) {
    keys.reserve(it->second.size());
    for (const auto& [key, reasons] : it->second) keys.push_back(key);
  }
  return keys;
}

void AssignmentIndex::Hold(const std::string& node, const std::string& key,
                           std::vector<Touched>& touched) {
  if (++wanted_[node][key] > 1) return;
  nodes_by_reference_[key].insert(node);
  touched.push_back({node, key});
}

void AssignmentIndex::Release(const std::string& node, const std::string& key,
                              std::vector<Touched>& touched) {
  auto by_node = wanted_.find(node);
  if (by_node == wanted_.end()) return;
  auto reasons = by_node->second.find(key);
  if (reasons == by_node->second.end() || --reasons->second > 0) return;
  by_node->second.erase(reasons);
  if (by_node->second.empty()) wanted_.erase(by_node);
  auto nodes = nodes_by_reference_.find(key);
  nodes->second.erase(node);
  if (nodes->second.empty()) nodes_by_reference_.erase(nodes);
  touched.push_back({node, key});
}

}  // namespace muster::coordinator
