#include "coordinator/daemonset/node_verdict.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "coordinator/daemonset/update_budget.h"

namespace muster::coordinator {
namespace {

using Pods = std::vector<const PodFacts*>;

// Judges one node; the members are what its steps share.
class NodeJudge {
 public:
  NodeJudge(const DaemonSetRules& rules, const FailureBackoff& backoff, const Moment& now,
            const std::string& node_name)
      : rules_(rules), backoff_(backoff), now_(now), node_name_(node_name) {}

  NodeVerdict Judge(const v1::Node* node, absl::Span<const PodFacts* const> pods) {
    // A pod that has ended and is only held by a finalizer is as good as gone.
    for (const PodFacts* pod : pods) {
      if (!(pod->terminal() && pod->terminating)) pods_.push_back(pod);
    }
    std::sort(pods_.begin(), pods_.end(),
              [](const PodFacts* a, const PodFacts* b) { return KeptBefore(*a, *b); });
    verdict_.has_pods = !pods_.empty();
    if (node == nullptr) {
      RemoveUnbound();
    } else {
      const Placement placement = rules_.placement.Judge(*node);
      verdict_.should_run = placement.should_run;
      Count();
      Manage(placement);
    }
    AssignRole();
    WakeForAvailability();
    return std::move(verdict_);
  }

 private:
  bool Available(const PodFacts& pod) const {
    return IsAvailable(pod, rules_.min_ready_seconds, now_.wall);
  }
  bool IsNew(const PodFacts& pod) const { return pod.hash == rules_.current_hash; }

  void Remove(const PodFacts& pod, RemovalReason reason) {
    verdict_.removals.push_back({pod.name, reason});
  }

  void WakeAt(MonoTime when) {
    if (!verdict_.wake_at || when < *verdict_.wake_at) verdict_.wake_at = when;
  }

  // Bound pods of a node that is gone are left to the pod garbage collector.
  void RemoveUnbound() {
    for (const PodFacts* pod : pods_) {
      if (!pod->bound && !pod->terminating) Remove(*pod, RemovalReason::kNodeGone);
    }
  }

  void Count() {
    Tally& tally = verdict_.tally;
    if (!verdict_.should_run) {
      tally.misscheduled = pods_.empty() ? 0 : 1;
      return;
    }
    tally.desired = 1;
    if (pods_.empty()) return;
    const PodFacts& first = *pods_.front();
    tally.current = 1;
    tally.ready = first.ready ? 1 : 0;
    tally.available = Available(first) ? 1 : 0;
    tally.updated = IsNew(first) ? 1 : 0;
  }

  void Manage(const Placement& placement) {
    if (!placement.should_continue) {
      for (const PodFacts* pod : pods_) {
        if (!pod->terminating) Remove(*pod, RemovalReason::kNotEligible);
      }
      return;
    }
    if (pods_.empty()) {
      verdict_.create = placement.should_run;
      return;
    }
    Pods live;
    bool failed_one_waits = false;
    for (const PodFacts* pod : pods_) {
      if (pod->terminating) continue;
      if (pod->phase == PodPhase::kFailed) {
        failed_one_waits |= !HealFailed(*pod);
      } else if (pod->phase == PodPhase::kSucceeded) {
        Remove(*pod, RemovalReason::kSucceeded);
      } else {
        live.push_back(pod);
      }
    }
    if (!rules_.surge) {
      for (size_t i = 1; i < live.size(); ++i) Remove(*live[i], RemovalReason::kExcess);
      return;
    }
    if (live.empty()) {
      // A failed pod that waits holds its node: otherwise each failure would start another pod.
      verdict_.create = placement.should_run && !failed_one_waits;
      return;
    }
    PruneSurge(live);
  }

  // False when the pod is left alone for now.
  bool HealFailed(const PodFacts& pod) {
    // One deletion arms the wait, so a second failed pod on the node has to wait already.
    if (verdict_.advance_backoff) return false;
    if (const std::optional<MonoTime> until = backoff_.WaitsUntil(node_name_, now_.mono)) {
      WakeAt(*until);
      return false;
    }
    Remove(pod, RemovalReason::kFailed);
    verdict_.advance_backoff = true;
    return true;
  }

  // The oldest new and the oldest old pod may live side by side while the old one is ready and the
  // new one is not available yet.
  void PruneSurge(const Pods& live) {
    if (live.size() < 2) return;
    const PodFacts* fresh = nullptr;
    const PodFacts* old = nullptr;
    for (const PodFacts* pod : live) {
      const PodFacts*& kept = IsNew(*pod) ? fresh : old;
      if (kept == nullptr) {
        kept = pod;
      } else {
        Remove(*pod, RemovalReason::kExcess);
      }
    }
    if (fresh != nullptr && old != nullptr && (!old->ready || Available(*fresh))) {
      Remove(*old, RemovalReason::kReplaced);
    }
  }

  void AssignRole() {
    // A node counts in a rollout when a pod belongs there, or still is.
    if (!verdict_.should_run && !verdict_.has_pods) return;
    const PodFacts* fresh = nullptr;
    const PodFacts* old = nullptr;
    for (const PodFacts* pod : pods_) {
      if (pod->terminating) continue;
      const PodFacts*& seen = IsNew(*pod) ? fresh : old;
      if (seen != nullptr) {
        // More than there should be: left to Manage, which prunes it.
        verdict_.role = rules_.surge ? RolloutRole::kSurging : RolloutRole::kUnavailable;
        return;
      }
      seen = pod;
    }
    if (old != nullptr) verdict_.rollout_pod = old->name;
    if (rules_.surge) {
      AssignSurgeRole(fresh, old);
      return;
    }
    if ((fresh == nullptr) == (old == nullptr)) {
      verdict_.role = RolloutRole::kUnavailable;
    } else if (fresh != nullptr) {
      if (!Available(*fresh)) verdict_.role = RolloutRole::kUnavailable;
    } else {
      verdict_.role = Available(*old) ? RolloutRole::kCandidate : RolloutRole::kReplaceNow;
    }
  }

  void AssignSurgeRole(const PodFacts* fresh, const PodFacts* old) {
    const PodFacts* counted = old != nullptr ? old : fresh;
    verdict_.counts_available = counted != nullptr && Available(*counted);
    if (old == nullptr) return;
    if (fresh != nullptr) {
      verdict_.role = Available(*fresh) ? RolloutRole::kTakenOver : RolloutRole::kSurging;
    } else if (Available(*old)) {
      verdict_.role = verdict_.should_run ? RolloutRole::kStartCandidate : RolloutRole::kSunset;
    } else {
      verdict_.role = verdict_.should_run ? RolloutRole::kStartNow : RolloutRole::kOldUnavailable;
    }
  }

  void WakeForAvailability() {
    if (rules_.min_ready_seconds <= 0) return;
    for (const PodFacts* pod : pods_) {
      if (!pod->ready || !pod->ready_changed || Available(*pod)) continue;
      // Longer than the time, not as long as: one tick later.
      WakeAt(now_.MonoAt(*pod->ready_changed + std::chrono::seconds(rules_.min_ready_seconds)) +
             std::chrono::milliseconds(1));
    }
  }

  const DaemonSetRules& rules_;
  const FailureBackoff& backoff_;
  const Moment& now_;
  const std::string& node_name_;
  Pods pods_;
  NodeVerdict verdict_;
};

}  // namespace

DaemonSetRules::DaemonSetRules(const v1::DaemonSet& daemon_set, std::string current_hash)
    : placement(daemon_set.spec().template_().spec()),
      current_hash(std::move(current_hash)),
      min_ready_seconds(daemon_set.spec().min_ready_seconds()),
      surge(AllowsSurge(daemon_set)) {}

Tally& Tally::operator+=(const Tally& other) {
  desired += other.desired;
  current += other.current;
  misscheduled += other.misscheduled;
  ready += other.ready;
  updated += other.updated;
  available += other.available;
  return *this;
}

Tally& Tally::operator-=(const Tally& other) {
  desired -= other.desired;
  current -= other.current;
  misscheduled -= other.misscheduled;
  ready -= other.ready;
  updated -= other.updated;
  available -= other.available;
  return *this;
}

NodeVerdict JudgeNode(const DaemonSetRules& rules, const v1::Node* node,
                      const std::string& node_name, absl::Span<const PodFacts* const> pods,
                      const FailureBackoff& backoff, const Moment& now) {
  return NodeJudge(rules, backoff, now, node_name).Judge(node, pods);
}

}  // namespace muster::coordinator
