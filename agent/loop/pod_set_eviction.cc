// The part of PodSet that lets pods be taken from the node.

#include <algorithm>
#include <utility>

#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"
#include "agent/translate/resources.h"
#include "agent/translate/translate.h"
#include "agent/workload/completion.h"
#include "common/model/static_pod.h"
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

std::vector<ShutdownPod> PodSet::NotStopped() const {
  std::vector<ShutdownPod> pods;
  for (const auto& [uid, record] : records_) {
    if (record->gone || record->status_final) continue;
    // Refused when it is planned.
    if (!record->HasInstances() && record->observed.in_flight.empty()) continue;
    ShutdownPod& pod = pods.emplace_back(ShutdownPod{.uid = uid});
    pod.grace = MakeIntent(*record).grace;
    if (record->pod == nullptr) continue;
    pod.priority = record->pod->spec().priority();
    pod.is_run = RunsToItsEnd(*record->pod);
  }
  return pods;
}

bool PodSet::Terminate(const std::string& pod_uid, std::chrono::seconds grace) {
  const auto found = records_.find(pod_uid);
  if (found == records_.end()) return false;
  Record& record = *found->second;
  if (record.refused || (record.evicted && record.evicted->reason == kTerminatedReason)) {
    return false;
  }
  record.evicted = Eviction{kTerminatedMessage, grace, kTerminatedReason};
  record.dirty = true;
  Tell(record, {kTerminatedReason, kTerminatedMessage, true, ""});
  return true;
}

// The specification that an action is about. Where it is lost, or has lost the container, the hook
// that has to run before that is stopped is in the annotations of its instance.
std::shared_ptr<const v1::Pod> PodSet::PodOf(const Record& record, const Action& action) {
  const auto* hook = std::get_if<RunPreStop>(&action);
  if (hook == nullptr) return record.pod;
  const auto is_it = [hook](const v1::Container& c) { return c.name() == hook->container; };
  if (record.pod != nullptr && (std::ranges::any_of(record.pod->spec().containers(), is_it) ||
                                std::ranges::any_of(record.pod->spec().init_containers(), is_it))) {
    return record.pod;
  }
  auto pod =
      record.pod == nullptr ? std::make_shared<v1::Pod>() : std::make_shared<v1::Pod>(*record.pod);
  for (const ContainerInstance& instance :
       record.observed.containers.at(hook->container).instances) {
    if (instance.status.id != hook->id) continue;
    *pod->mutable_spec()->add_containers() =
        RecallHandlers(hook->container, instance.status.annotations);
  }
  return pod;
}

// A static pod, which nobody replaces, when the host did not go down after all.
bool PodSet::RunsAgain(const Record& record) const {
  return !node_.shutting_down && record.desired && record.pod != nullptr && !record.dirty &&
         model::IsStatic(*record.pod) && record.status && record.status_final &&
         EndedWithItsHost(*record.status) && (record.gone || record.refused);
}

std::unique_ptr<PodSet::Record> PodSet::BeginAnew(const Record& record) {
  probes_.Forget(record.uid);
  auto fresh = std::make_unique<Record>();
  fresh->uid = record.uid;
  fresh->name = record.name;
  fresh->namespace_ = record.namespace_;
  fresh->wanted = fresh->pod = record.wanted;
  fresh->desired = true;
  fresh->configs = record.configs;
  fresh->inputs = record.inputs;
  return fresh;
}

std::optional<v1::PodStatus> PodSet::StatusOf(const std::string& pod_uid) const {
  const auto found = records_.find(pod_uid);
  return found == records_.end() ? std::nullopt : found->second->status;
}

void PodSet::Retell(const std::string& pod_uid) {
  const auto found = records_.find(pod_uid);
  if (found == records_.end()) return;
  found->second->reported.clear();
  found->second->report_due = true;
}

}  // namespace muster::agent
