#include "coordinator/daemonset/pod_facts.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/time_text.h"

namespace muster::coordinator {

WallTime ToWallTime(const v1::Time& time) { return absl::ToChronoTime(model::ToAbslTime(time)); }

v1::Time FromWallTime(WallTime time) { return model::ToTime(absl::FromChrono(time)); }

PodPhase PhaseOf(const v1::Pod& pod) {
  const std::string& phase = pod.status().phase();
  if (phase.empty() || phase == "Pending") return PodPhase::kPending;
  if (phase == "Running") return PodPhase::kRunning;
  if (phase == "Succeeded") return PodPhase::kSucceeded;
  if (phase == "Failed") return PodPhase::kFailed;
  return PodPhase::kUnknown;
}

std::string TargetNode(const v1::PodSpec& spec) {
  if (!spec.node_name().empty()) return spec.node_name();
  const v1::NodeSelector& required =
      spec.affinity().node_affinity().required_during_scheduling_ignored_during_execution();
  for (const v1::NodeSelectorTerm& term : required.node_selector_terms()) {
    for (const v1::NodeSelectorRequirement& field : term.match_fields()) {
      if (field.key() == "metadata.name" && field.operator_() == "In" && field.values_size() == 1) {
        return field.values(0);
      }
    }
  }
  return "";
}

namespace {

constexpr char kOutOfMemory[] = "OOMKilled";

std::string InWords(const std::string& container, const v1::ContainerStateTerminated& ending) {
  const std::string reason =
      ending.reason().empty() || ending.reason() == "Error" || ending.reason() == "Completed"
          ? ""
          : absl::StrCat(ending.reason(), ", ");
  return absl::StrCat("container ", container, " ended: ", reason,
                      ending.signal() != 0 ? absl::StrCat("signal ", ending.signal())
                                           : absl::StrCat("exit code ", ending.exit_code()));
}

// Init containers that have done their work have ended too, and do not count.
void AddEndings(const google::protobuf::RepeatedPtrField<v1::ContainerStatus>& statuses, bool init,
                PodFacts& facts, WallTime& newest) {
  for (const v1::ContainerStatus& status : statuses) {
    facts.endings += status.restart_count();
    for (const v1::ContainerState* state : {&status.last_state(), &status.state()}) {
      if (!state->has_terminated()) continue;
      const v1::ContainerStateTerminated& ending = state->terminated();
      const bool done = init && ending.exit_code() == 0 && ending.signal() == 0;
      if (done) continue;
      if (state == &status.state()) ++facts.endings;
      facts.out_of_memory |= ending.reason() == kOutOfMemory;
      const WallTime when = ToWallTime(ending.finished_at());
      if (!facts.last_ending.empty() && when < newest) continue;
      newest = when;
      facts.last_ending = InWords(status.name(), ending);
    }
    // It waits to be started again, so the ending is behind it already.
    if (status.state().has_waiting() && status.last_state().has_terminated()) ++facts.endings;
  }
}

}  // namespace

PodFacts PodFactsOf(const v1::Pod& pod) {
  PodFacts facts;
  facts.name = pod.metadata().name();
  facts.node = TargetNode(pod.spec());
  const auto hash = pod.metadata().labels().find(kRevisionHashLabel);
  if (hash != pod.metadata().labels().end()) facts.hash = hash->second;
  const auto of_template = pod.metadata().labels().find(kTemplateHashLabel);
  if (of_template != pod.metadata().labels().end()) facts.template_hash = of_template->second;
  facts.created = ToWallTime(pod.metadata().creation_timestamp());
  facts.phase = PhaseOf(pod);
  facts.bound = !pod.spec().node_name().empty();
  facts.terminating = pod.metadata().has_deletion_timestamp();
  for (const v1::PodCondition& condition : pod.status().conditions()) {
    if (condition.type() != "Ready") continue;
    facts.ready = condition.status() == "True";
    facts.silenced = !facts.ready && condition.reason() == kNodeNotReadyReason;
    if (condition.has_last_transition_time()) {
      facts.ready_changed = ToWallTime(condition.last_transition_time());
    }
  }
  // Its host shut down and took it along, which says nothing of it.
  const std::string& reason = pod.status().reason();
  if (facts.phase == PodPhase::kFailed && (reason == "Terminated" || reason == "NodeShutdown")) {
    facts.silenced = true;
  }
  facts.received = pod.status().has_start_time();
  WallTime newest;
  AddEndings(pod.status().init_container_statuses(), /*init=*/true, facts, newest);
  AddEndings(pod.status().container_statuses(), /*init=*/false, facts, newest);
  facts.pre_pull = PrePullFactsOf(pod);
  return facts;
}

bool KeptBefore(const PodFacts& a, const PodFacts& b) {
  if (a.bound != b.bound) return a.bound;
  if (a.created != b.created) return a.created < b.created;
  return a.name < b.name;
}

bool IsAvailable(const PodFacts& pod, int32_t min_ready_seconds, WallTime now) {
  if (!pod.ready) return false;
  if (min_ready_seconds <= 0) return true;
  return pod.ready_changed && *pod.ready_changed + std::chrono::seconds(min_ready_seconds) < now;
}

}  // namespace muster::coordinator
