#include "coordinator/placement/preemption.h"

#include <algorithm>
#include <utility>

namespace muster::coordinator {

std::optional<std::vector<std::string>> ChooseVictims(const PodFootprint& pod, int32_t priority,
                                                      const model::ResourceMap& allocatable,
                                                      NodeLoad load,
                                                      absl::Span<const PodOnNode> there) {
  const auto fits = [&] { return Misfits(pod, allocatable, load).empty(); };
  for (const PodOnNode& each : there) {
    if (each.terminating) load.Remove(each.footprint);
  }
  if (fits()) return std::vector<std::string>();
  std::vector<const PodOnNode*> candidates;
  for (const PodOnNode& each : there) {
    if (each.terminating || each.priority >= priority) continue;
    candidates.push_back(&each);
    load.Remove(each.footprint);
  }
  if (!fits()) return std::nullopt;
  std::sort(candidates.begin(), candidates.end(), [](const PodOnNode* a, const PodOnNode* b) {
    if (a->priority != b->priority) return a->priority > b->priority;
    if (a->created != b->created) return a->created < b->created;
    return a->key < b->key;
  });
  std::vector<std::string> victims;
  for (const PodOnNode* each : candidates) {
    load.Add(each->footprint);
    if (fits()) continue;
    load.Remove(each->footprint);
    victims.push_back(each->key);
  }
  return victims;
}

}  // namespace muster::coordinator
