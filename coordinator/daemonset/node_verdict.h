#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/moment.h"
#include "coordinator/daemonset/failure_backoff.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/placement/placement.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// What of a DaemonSet decides about each of its nodes. A plain value, made once per change of the
// DaemonSet.
struct DaemonSetRules {
  DaemonSetRules(const v1::DaemonSet& daemon_set, std::string current_hash);

  PlacementRule placement;
  std::string current_hash;
  int32_t min_ready_seconds;
  bool surge;  // A new pod may start beside the old one.
};

// Why a pod goes.
enum class RemovalReason : uint8_t {
  kNotEligible,  // The node no longer matches, or has a NoExecute taint.
  kExcess,       // More than one pod on the node.
  kFailed,
  kSucceeded,
  kNodeGone,  // Not bound yet, and the node it was for is not there.
  kReplaced,  // Its successor on the same node has taken over.
  kOutdated,  // A rolling update has its turn.
};

struct PodRemoval {
  std::string pod;
  RemovalReason reason = RemovalReason::kExcess;

  bool operator==(const PodRemoval&) const = default;
};

// What a node is to a rolling update. The first group belongs to updates that delete first, the
// second to those that surge.
enum class RolloutRole : uint8_t {
  kNone,         // Nothing to do for a rollout, nothing to count.
  kUnavailable,  // Uses up one of maxUnavailable.
  kReplaceNow,   // Old and not available: replaced outside the budget, and uses up one of it.
  kCandidate,    // Old and available: replaced when the budget allows.

  kSurging,         // Uses up one of maxSurge.
  kStartNow,        // Old and not available: a new pod starts outside the budget.
  kStartCandidate,  // Old and available: a new pod starts when the budget allows.
  kOldUnavailable,  // Old, not available, and the node is no longer eligible: the pod goes.
  kSunset,          // Old and available on a node that is no longer eligible.
  kTakenOver,       // The new pod is available: the old one goes.
};
inline constexpr int kRolloutRoles = 10;

// The share of one node in the numbers of the status: each 0 or 1 for a node, sums for a fleet.
struct Tally {
  int32_t desired = 0;
  int32_t current = 0;
  int32_t misscheduled = 0;
  int32_t ready = 0;
  int32_t updated = 0;
  int32_t available = 0;

  Tally& operator+=(const Tally& other);
  Tally& operator-=(const Tally& other);
  bool operator==(const Tally&) const = default;
};

// All that one node means for one DaemonSet. Default: nothing at all.
struct NodeVerdict {
  Tally tally;
  bool should_run = false;
  bool create = false;
  bool advance_backoff = false;   // A failed pod is among the removals.
  bool counts_available = false;  // A pod of it is available, eligible node or not.
  bool has_pods = false;
  RolloutRole role = RolloutRole::kNone;
  std::string rollout_pod;  // The old pod that the role speaks of.
  std::vector<PodRemoval> removals;
  std::optional<MonoTime> wake_at;  // Judge again then, even if nothing changes.

  bool operator==(const NodeVerdict&) const = default;
};

// Kubernetes' daemon set controller for one node: which of its pods stay, whether one is created,
// what it counts for, what a rolling update may do there.
//
// Pure. `node` is null when there is no such node. `pods` are the pods of this DaemonSet whose
// target is the node, in any order.
NodeVerdict JudgeNode(const DaemonSetRules& rules, const v1::Node* node,
                      const std::string& node_name, absl::Span<const PodFacts* const> pods,
                      const FailureBackoff& backoff, const Moment& now);

}  // namespace muster::coordinator
