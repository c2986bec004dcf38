// The part of PodSet that lets pods be taken from the node.

#include <algorithm>
#include <utility>

#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"
#include "agent/translate/resources.h"
#include "agent/translate/translate.h"
#include "spdlog/spdlog.h"

namespace muster::agent {

std::vector<EvictionCandidate> PodSet::EvictionCandidates() const {
  std::vector<EvictionCandidate> candidates;
  for (const auto& [uid, record] : records_) {
    if (record->IsTerminating() || record->IsFinished() || record->gone) continue;
    if (record->observed.sandboxes.empty()) continue;
    EvictionCandidate candidate{.uid = uid,
                                .pod = record->pod,
                                .log_directory = PodLogDirectory(*record->pod, node_.context),
                                .control_group = CgroupParent(*record->pod, node_.context)};
    for (const auto& [name, container] : record->observed.containers) {
      for (const ContainerInstance& instance : container.instances) {
        if (instance.status.state == ContainerState::kRunning) {
          candidate.running[name] = instance.status.id;
        }
      }
    }
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

void PodSet::Evict(const std::string& pod_uid, const Eviction& eviction) {
  const auto found = records_.find(pod_uid);
  if (found == records_.end() || found->second->IsTerminating()) return;
  Record& record = *found->second;
  spdlog::warn("pod {}/{} is evicted: {}", record.namespace_, record.name, eviction.message);
  record.evicted = eviction;
  record.dirty = true;
  Tell(record, {kEvictedReason, eviction.message, true, ""});
}

bool PodSet::EvictionUnderWay() const {
  return std::ranges::any_of(records_, [](const auto& entry) {
    return entry.second->evicted && !entry.second->status_final && !entry.second->gone;
  });
}

}  // namespace muster::agent
