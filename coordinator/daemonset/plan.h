#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/base/moment.h"
#include "coordinator/daemonset/node_verdict.h"
#include "coordinator/daemonset/planned_event.h"
#include "coordinator/daemonset/pod_factory.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/daemonset/pre_pull.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/daemonset/rollout.h"
#include "coordinator/daemonset/roster.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

struct PlannedRemoval {
  std::string node;
  PodRemoval removal;

  bool operator==(const PlannedRemoval&) const = default;
};

// What is to be done for a DaemonSet, all of it in one transaction. Lists are in node order.
struct DaemonSetPlan {
  RevisionPlan revisions;
  std::vector<std::string> adopt;    // Pods that get this owner.
  std::vector<std::string> release;  // Pods that lose it.
  // Whole pods but for uid and creationTimestamp, pinned to their node and not bound to it.
  std::vector<v1::Pod> create;
  std::vector<PlannedRemoval> remove;  // Each with the grace period of its own spec.
  std::vector<PlannedPull> pull;       // What nodes are to hold before their pods go.
  bool pulls_wait = false;             // There would be more, but for the limit of the fleet.
  std::vector<std::string> failed_on;  // Nodes whose failure back-off has to advance.
  std::vector<PlannedEvent> events;    // Of what has happened once the rest is done.
  // Nothing: leave the status alone.
  std::optional<v1::DaemonSetStatus> status;
  // A rollout goes back: this revision's template takes the place of the one in the spec, with the
  // status.
  std::optional<v1::ControllerRevision> revision_back;
  bool request_done = false;  // The annotation with the request goes, with the status.
  std::optional<MonoTime> wake_at;
  // There is more to do than one plan takes: plan again at once.
  bool more = false;
  // Why pods that are needed could not be made. They are missing in `create`.
  absl::Status creation;
  std::vector<std::string> notes;  // Why, a line each.

  // Nothing but perhaps the status.
  bool settled() const {
    return revisions.settled() && adopt.empty() && release.empty() && create.empty() &&
           remove.empty() && pull.empty() && creation.ok() && !revision_back && !request_done &&
           !more;
  }
};

struct PlanLimits {
  size_t creates_max = 250;
  size_t removals_max = 250;
  size_t claims_max = 250;
  // Nodes of one DaemonSet that pull an image ahead, or hold it and wait for their turn; and nodes
  // of the whole fleet that pull one.
  int64_t pulls_max = 10;
};

// The revision of the DaemonSet with this hash; null when there is none. Only its own.
using FindRevision = std::function<const v1::ControllerRevision*(const std::string& hash)>;

// Everything a plan is made from, with the per-node work done before (see JudgeNode, Roster).
struct PlanInput {
  const v1::DaemonSet& daemon_set;
  const Roster& roster;
  const RevisionPlan& revisions;
  const std::vector<std::string>& adopt;
  const std::vector<std::string>& release;
  const PriorityClasses& priority_classes;
  const RandomBits& random;
  std::function<bool(const std::string&)> pod_name_taken;
  PlanLimits limits;
  Moment now;
  FindRevision find_revision;
  // For the labels by which overrides choose nodes; null for a node that is not there.
  std::function<const v1::Node*(const std::string&)> find_node;
  int64_t pull_slots = std::numeric_limits<int64_t>::max();  // So many pulls may begin now.
};

// One pass of Kubernetes' daemon set controller, as a pure function (but for the random names):
// claims first; then pods that are missing or have to go; a rolling update only when there was
// nothing of that, and as far as DecideRollout lets it; the status at last. A DaemonSet that is
// going away, or selects everything, gets nothing of it.
DaemonSetPlan MakePlan(const PlanInput& input);

// The status for these numbers. Also raises observedGeneration.
v1::DaemonSetStatus StatusOf(const v1::DaemonSet& daemon_set, const Tally& tally,
                             std::optional<int32_t> collision_count);

// The whole world of one DaemonSet, for those who have it at hand.
struct World {
  const v1::DaemonSet& daemon_set;
  std::vector<const v1::Node*> nodes;
  std::vector<const v1::Pod*> pods;                      // All of the namespace.
  std::vector<const v1::ControllerRevision*> revisions;  // Likewise.
  const FailureBackoff& backoff;
  const PriorityClasses& priority_classes;
  Moment now;
  RandomBits random;
  PlanLimits limits;
};

// What there is on the nodes of a DaemonSet, before anything is decided over all of them.
struct Survey {
  explicit Survey(const World& world);

  std::vector<std::string> adopt;
  std::vector<std::string> release;
  RevisionPlan revisions;
  std::unique_ptr<const DaemonSetRules> rules;
  std::map<std::string, std::vector<PodFacts>> pods_by_node;  // Its own only.
  std::set<std::string> pod_names;                            // Of the namespace.
  std::map<std::string, const v1::Node*> nodes;  // Null: its own pods name it, and it is not there.
  Roster roster;
};

DaemonSetPlan PlanFrom(const World& world, const Survey& survey);

// The same plan from scratch. Costs the size of the world; the controllers keep a Roster instead.
DaemonSetPlan Reconcile(const World& world);

}  // namespace muster::coordinator
