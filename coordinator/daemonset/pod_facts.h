#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "coordinator/daemonset/pre_pull.h"
#include "muster/v1/meta.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

inline constexpr char kRevisionHashLabel[] = "controller-revision-hash";
// Of a pod whose DaemonSet has overrides: the hash of the template that it was really made from.
inline constexpr char kTemplateHashLabel[] = "muster.dev/template-hash";
inline constexpr char kTemplateGenerationLabel[] = "pod-template-generation";

// Of the condition Ready of a pod whose node went silent (see coordinator/nodes).
inline constexpr char kNodeNotReadyReason[] = "NodeNotReady";

enum class PodPhase : uint8_t { kPending, kRunning, kSucceeded, kFailed, kUnknown };

// What the DaemonSet controller looks at in a pod: a few words instead of the whole object, since
// a coordinator knows very many pods. A plain value.
struct PodFacts {
  std::string name;
  // Where it runs, or where its affinity says it is to run. Empty: nowhere, such a pod is ignored.
  std::string node;
  std::string hash;  // Of the template revision it was made from.
  // Of the template itself, of a DaemonSet with overrides (see node_templates.h); else empty.
  std::string template_hash;
  WallTime created;
  // When condition Ready last flipped; nothing when it is not there or has no time.
  std::optional<WallTime> ready_changed;
  PodPhase phase = PodPhase::kPending;
  bool bound = false;  // spec.nodeName is set.
  bool terminating = false;
  bool ready = false;
  bool received = false;       // Its agent has reported about it.
  bool silenced = false;       // Not ready only because its node went silent, or was shut down.
  bool out_of_memory = false;  // One of its containers was killed for memory.
  int32_t endings = 0;         // How often its containers have ended, all of them together.
  std::string last_ending;     // The newest of them in words; empty without one.
  RarePrePullFacts pre_pull;   // What its node is to hold before it goes.

  bool terminal() const { return phase == PodPhase::kSucceeded || phase == PodPhase::kFailed; }
  bool operator==(const PodFacts&) const = default;
};

PodFacts PodFactsOf(const v1::Pod& pod);

PodPhase PhaseOf(const v1::Pod& pod);

// spec.nodeName, or the node that a matchFields term of the required node affinity names.
std::string TargetNode(const v1::PodSpec& spec);

// Which of two pods of one node stays: the one that has a node before one that waits, then the
// older, then the smaller name. A strict order over pods of different names.
bool KeptBefore(const PodFacts& a, const PodFacts& b);

// Ready for longer than `min_ready_seconds`; with 0, ready is enough.
bool IsAvailable(const PodFacts& pod, int32_t min_ready_seconds, WallTime now);

WallTime ToWallTime(const v1::Time& time);
v1::Time FromWallTime(WallTime time);

}  // namespace muster::coordinator
