#include "coordinator/daemonjob/run_facts.h"

#include <algorithm>
#include <set>

#include "common/model/daemon_job.h"
#include "common/model/resources.h"

namespace muster::coordinator {
namespace {

// An agent's text is for people; the record of a node is kept for long.
constexpr size_t kMessageBytesMax = 256;

bool IsEarlier(const v1::Time& a, const v1::Time& b) {
  return a.seconds() != b.seconds() ? a.seconds() < b.seconds() : a.nanos() < b.nanos();
}

// Not through the middle of a UTF-8 character.
std::string Shortened(std::string text) {
  if (text.size() <= kMessageBytesMax) return text;
  size_t end = kMessageBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text;
}

bool Failed(const v1::ContainerState& state) {
  return state.has_terminated() &&
         (state.terminated().exit_code() != 0 || state.terminated().signal() != 0);
}

// Reads the containers of a pod one after the other.
class EndingReader {
 public:
  explicit EndingReader(RunFacts& facts) : facts_(facts) {}

  void Read(const v1::ContainerStatus& status) {
    restarts_ += status.restart_count();
    // One that waits to be started again has the failure behind it already.
    const bool waits = status.state().has_waiting() && Failed(status.last_state());
    if (Failed(status.state()) || waits) ++failed_;
    for (const v1::ContainerState* state : {&status.last_state(), &status.state()}) {
      if (!state->has_terminated()) continue;
      const v1::ContainerStateTerminated& ended = state->terminated();
      if (ended.has_finished_at() &&
          (!facts_.finished || IsEarlier(*facts_.finished, ended.finished_at()))) {
        facts_.finished = ended.finished_at();
      }
      if (Failed(*state)) Take(status.name(), ended);
    }
  }

  int32_t restarts() const { return restarts_; }
  int32_t failed() const { return failed_; }

 private:
  // The newest one tells.
  void Take(const std::string& container, const v1::ContainerStateTerminated& ended) {
    if (facts_.ending.exit_code && IsEarlier(ended.finished_at(), newest_)) return;
    newest_ = ended.finished_at();
    facts_.ending = {container, ended.exit_code(), ended.reason(), Shortened(ended.message())};
  }

  RunFacts& facts_;
  v1::Time newest_;
  int32_t restarts_ = 0, failed_ = 0;
};

bool HasFinalizer(const v1::Pod& pod) {
  const auto& finalizers = pod.metadata().finalizers();
  return std::find(finalizers.begin(), finalizers.end(), model::kDaemonJobFinalizer) !=
         finalizers.end();
}

// By its agent's word, or by that of whoever took it away.
bool WasInterrupted(const v1::PodStatus& status) {
  if (status.reason() == model::kInterruptedReason) return true;
  return std::any_of(status.conditions().begin(), status.conditions().end(),
                     [](const v1::PodCondition& condition) {
                       return condition.type() == "DisruptionTarget" &&
                              condition.status() == "True";
                     });
}

void ReadEndings(const v1::Pod& pod, RunFacts& facts) {
  std::set<std::string> sidecars;
  for (const v1::Container& init : pod.spec().init_containers()) {
    if (model::IsSidecar(init)) sidecars.insert(init.name());
  }
  EndingReader reader(facts);
  for (const v1::ContainerStatus& status : pod.status().init_container_statuses()) {
    if (!sidecars.contains(status.name())) reader.Read(status);
  }
  for (const v1::ContainerStatus& status : pod.status().container_statuses()) reader.Read(status);
  const bool again = pod.spec().restart_policy() == "OnFailure";
  if (facts.phase == PodPhase::kSucceeded) {
    facts.ending = {"", 0, "Completed", ""};
  } else if (facts.interrupted) {
    facts.failures = again ? reader.restarts() : 0;
  } else if (facts.phase == PodPhase::kFailed) {
    facts.failures = again ? std::max(1, reader.restarts() + reader.failed()) : 1;
    // A node that did not take it, for example.
    if (!facts.ending.exit_code) {
      facts.ending = {"", std::nullopt, pod.status().reason(), Shortened(pod.status().message())};
    }
  } else if (again) {
    facts.failures = reader.restarts() + reader.failed();
  }
}

}  // namespace

RunFacts RunFactsOf(const v1::Pod& pod) {
  RunFacts facts;
  facts.name = pod.metadata().name();
  facts.node = TargetNode(pod.spec());
  const auto node_uid = pod.metadata().annotations().find(model::kNodeUidAnnotation);
  if (node_uid != pod.metadata().annotations().end()) facts.node_uid = node_uid->second;
  facts.created = ToWallTime(pod.metadata().creation_timestamp());
  facts.phase = PhaseOf(pod);
  facts.bound = !pod.spec().node_name().empty();
  facts.terminating = pod.metadata().has_deletion_timestamp();
  facts.tracked = HasFinalizer(pod);
  facts.interrupted = facts.phase == PodPhase::kFailed && WasInterrupted(pod.status());
  if (pod.status().has_start_time()) facts.started = pod.status().start_time();
  ReadEndings(pod, facts);
  return facts;
}

bool KeptBefore(const RunFacts& a, const RunFacts& b) {
  if (a.bound != b.bound) return a.bound;
  if (a.created != b.created) return a.created < b.created;
  return a.name < b.name;
}

}  // namespace muster::coordinator
