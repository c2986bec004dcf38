#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "common/base/moment.h"
#include "coordinator/daemonset/planned_event.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/daemonset/roster.h"
#include "coordinator/policy/rollout_policy.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// status.rollout.phase. Stable: people and programs read them.
inline constexpr char kPhaseProgressing[] = "Progressing";
inline constexpr char kPhaseAwaitingPromotion[] = "AwaitingPromotion";
inline constexpr char kPhaseAwaitingNodes[] = "AwaitingNodes";
inline constexpr char kPhasePaused[] = "Paused";
inline constexpr char kPhaseHalted[] = "Halted";
inline constexpr char kPhaseSuspended[] = "Suspended";
inline constexpr char kPhaseOnDelete[] = "OnDelete";
inline constexpr char kPhaseComplete[] = "Complete";

// status.rollout.halt_reason.
inline constexpr char kHaltTooManyFailures[] = "TooManyFailures";
inline constexpr char kHaltProgressDeadline[] = "ProgressDeadlineExceeded";
inline constexpr char kHaltRejected[] = "RejectedRevision";
inline constexpr char kHaltAborted[] = "Aborted";

// What a rolling update may do in one pass.
struct RolloutGate {
  bool open = true;  // Nodes may be taken on.
  // The new revision goes only to nodes that the rollout takes on: a pod that is missing elsewhere
  // is made from the base.
  bool guarded = false;
  bool canary_only = false;  // Only nodes that the canary's selector matches.
  // So many nodes in all may have the new revision.
  int64_t fresh_max = std::numeric_limits<int64_t>::max();
};

struct RolloutDecision {
  v1::DaemonSetRollout state;  // For the status.
  RolloutGate gate;
  bool go_back = false;       // The template of the base goes back into the spec.
  bool request_done = false;  // The request is answered: its annotation goes.
  std::vector<PlannedEvent> events;
  std::optional<MonoTime> wake_at;
};

struct RolloutInput {
  const v1::DaemonSet& daemon_set;
  const RolloutPolicy& policy;
  const RevisionPlan& revisions;
  const Roster& roster;
  // Is there a revision with this hash to go back to?
  std::function<bool(const std::string&)> revision_exists;
  Moment now;
};

// Where a rollout stands, and what it may do next. Pure: what it has to remember is in the status
// of the DaemonSet, so it makes no difference whether the same coordinator decided before.
//
//  - The base is the revision that the nodes come from: the last one that was everywhere.
//  - A node that went silent holds nobody up, with the new revision or without; see LooksDeadly.
//  - A failure of a new pod is remembered by node; one that is only a lost node is forgotten when
//    the node returns, and says nothing while no node can be reached. So many as the policy allows,
//    or no node finished within the deadline, and the rollout is halted, or goes back: then the
//    revision is rejected and stays halted should it be applied again. Ways back are not judged.
//  - It is complete once every node that can be reached has an available pod, and those are the
//    greater part; the others follow when they return.
//  - A canary gets the revision first, and everybody else when it was promoted. Going back to the
//    base, and the first revision of all, need none.
RolloutDecision DecideRollout(const RolloutInput& input);

// Several nodes went silent with the new revision, and most of those that got it did: then it is
// probably the revision, and nobody else gets it before they are back, or somebody resumes the
// rollout. One node that dies is just one that dies.
bool LooksDeadly(const v1::DaemonSetRollout& rollout);

// Is there a revision to protect, and another one on its way?
bool HasBase(const v1::DaemonSetRollout& rollout);

}  // namespace muster::coordinator
