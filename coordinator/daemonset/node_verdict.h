#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/moment.h"
#include "coordinator/daemonset/failure_backoff.h"
#include "coordinator/daemonset/node_templates.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/daemonset/pre_pull.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/placement/placement.h"
#include "coordinator/policy/rollout_policy.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// By what the pods of a new revision are judged while nodes are brought to it. A plain value.
struct FailureRule {
  std::string revision;
  WallTime started{};         // Pods made since then are of this rollout.
  int32_t endings_usual = 0;  // So often may containers end without meaning anything.
  std::optional<Duration> ready_within;

  bool operator==(const FailureRule&) const = default;
};

// What of a DaemonSet decides about each of its nodes. A plain value, made once per change of the
// DaemonSet that concerns every node.
struct DaemonSetRules {
  DaemonSetRules(const v1::DaemonSet& daemon_set, const RevisionPlan& revisions);

  // Would these rules, made from it anew, be the same? Only asked while its generation is.
  bool Fits(const v1::DaemonSet& daemon_set) const;
  bool Fits(const RevisionPlan& revisions) const;

  // The hash of what a pod of this node is made from. `node` may be null.
  const std::string& HashFor(const v1::Node* node) const;
  // Is the pod made from what it should be made from on this node? `node` may be null.
  bool IsCurrent(const PodFacts& pod, const v1::Node* node) const;

  PlacementRule placement;
  NodeTemplates templates;
  std::string current_hash;
  std::map<std::string, std::string> template_hashes;  // RevisionPlan's.
  int32_t min_ready_seconds;
  bool surge;      // A new pod may start beside the old one.
  bool suspended;  // No pod runs anywhere.
  // How long others wait for an image that is to be on a node before its old pod is stopped;
  // nothing when they are not.
  std::optional<Duration> pull_patience;
  std::string canary_text;                  // The annotation that `canary` was read from.
  std::optional<model::LabelQuery> canary;  // Nodes that get a new revision first.
  std::optional<FailureRule> failures;      // Only while there is a rollout.
  std::set<std::string> rejected;           // Revisions that do harm.

 private:
  int ClassOf(const v1::Node* node) const;
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
  kSuspended,
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

// What a node whose new pod does not do well has suffered.
enum class RolloutFailure : uint8_t {
  kNone,
  kNodeLost,   // It went silent after it got the new pod.
  kPodFailed,  // The node refused or evicted the pod.
  kOutOfMemory,
  kCrashed,  // Containers ended more often than is usual.
  kNotReadyInTime,
  kImageNotPulled,  // The image was not there in time, so the old pod is still untouched.
};
// "NodeLost", "OutOfMemory", ...; stable.
const char* NameOf(RolloutFailure failure);

// The share of one node in the progress of a rollout: each 0 or 1, sums for a fleet. Of nodes that
// can be reached, but for `fresh` and `settled`.
struct Progress {
  int32_t nodes = 0;         // Should run a pod.
  int32_t updated = 0;       // Have one of the new revision, and only that.
  int32_t done = 0;          // And it is available.
  int32_t canary_nodes = 0;  // Of nodes that the canary's selector matches.
  int32_t canary_done = 0;
  int32_t vacant = 0;    // Should run a pod and have none, or only one that goes.
  int32_t carried = 0;   // Have one that was made before: the rollout has nothing to change there.
  int32_t fresh = 0;     // Have one that was made from the new revision.
  int32_t unproven = 0;  // And it is not available, and its node can be reached.
  int32_t settled = 0;   // Of the fresh ones: it is available, or its node went silent.

  Progress& operator+=(const Progress& other);
  Progress& operator-=(const Progress& other);
  bool operator==(const Progress&) const = default;
};

// All that one node means for one DaemonSet. Default: nothing at all.
struct NodeVerdict {
  Tally tally;
  Progress progress;
  bool should_run = false;
  bool unreachable = false;  // It has pods, and cannot be told to do anything about them.
  bool left = false;         // So it keeps what it has of an older revision until it returns.
  bool canary = false;       // The canary's selector matches it.
  RolloutFailure failure = RolloutFailure::kNone;
  PullStage pull = PullStage::kNone;  // Of a node with role kCandidate.
  std::string failed_pod;
  std::string failure_text;  // The evidence, in words; also of a pull that does not count yet.
  int32_t old_endings = 0;   // How often containers of its old pod have ended.
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
// Unlike Kubernetes it leaves nodes that went silent (taint unreachable) out of rolling updates:
// they use up nothing and nothing is replaced there. One that went silent after it got the new
// revision speaks against that, for those who set a limit of failures.
//
// Pure. `node` is null when there is no such node. `pods` are the pods of this DaemonSet whose
// target is the node, in any order.
NodeVerdict JudgeNode(const DaemonSetRules& rules, const v1::Node* node,
                      const std::string& node_name, absl::Span<const PodFacts* const> pods,
                      const FailureBackoff& backoff, const Moment& now);

}  // namespace muster::coordinator
