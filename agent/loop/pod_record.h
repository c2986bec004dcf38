#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "agent/hygiene/eviction.h"
#include "agent/loop/pod_set.h"
#include "agent/workload/plan.h"
#include "agent/workload/resize.h"

namespace muster::agent {

// One pod and all that is remembered about it.
struct PodSet::Record {
  std::string uid, name, namespace_;
  // As last told; null when only the runtime knows it.
  std::shared_ptr<const v1::Pod> wanted;
  // The same, but with the cpu and memory that it has where it cannot be given others.
  std::shared_ptr<const v1::Pod> pod;
  bool unallocated = false;  // It may be about to get more than it has, which is to be judged.
  std::optional<ResizeRefusal> resize_refusal;
  bool desired = false;  // In the assignment.
  bool is_own = false;   // From a file of the host, whose owner wants it.
  std::shared_ptr<const ConfigSnapshot> configs;
  std::string inputs;

  ObservedPod observed;
  std::map<std::string, std::string> exit_messages;  // By container id.
  uint64_t after_list = 0;                           // Not planned before this list was taken in.
  bool dirty = true;
  ContainerMemories memories;  // Of its running containers.
  bool logs_read = false;
  std::optional<MonoTime> wake_at;
  std::optional<WallTime> start_time;
  // Since when it is to be started; until it has, or when it ran before this agent.
  std::optional<MonoTime> starting_since;
  bool looked = false;  // It was planned once.

  std::optional<v1::PodStatus> status;
  bool status_final = false;  // Everything stopped, or refused: it does not change any more.
  std::string reported;       // What was sent last, in bytes.
  bool report_due = true;     // It may differ from that.
  std::map<std::string, WaitingReason> told_waiting;
  std::string told_blocked;
  bool refused = false;   // Its status says why; it is never run.
  bool gone = false;      // Nothing of it is left on this node.
  bool admitted = false;  // It was not refused, so it will not be any more.
  std::optional<Eviction> evicted;

  // The runtime has something of it.
  bool HasInstances() const {
    return !observed.sandboxes.empty() ||
           std::ranges::any_of(observed.containers,
                               [](const auto& entry) { return !entry.second.instances.empty(); });
  }
  // Its containers have run to their end by themselves.
  bool IsFinished() const {
    return !refused && !evicted && status_final && status &&
           (status->phase() == "Succeeded" || status->phase() == "Failed");
  }
  bool IsTerminating() const {
    return !desired || refused || evicted || pod == nullptr ||
           pod->metadata().has_deletion_timestamp();
  }
};

}  // namespace muster::agent
