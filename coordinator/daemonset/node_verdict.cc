#include "coordinator/daemonset/node_verdict.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/taints.h"
#include "coordinator/daemonset/update_budget.h"

namespace muster::coordinator {
namespace {

using Pods = std::vector<const PodFacts*>;

// Stored times have lost their fraction of a second.
constexpr std::chrono::seconds kTimeUnit(1);
constexpr Duration kPullPatienceDefault = std::chrono::minutes(10);

bool SaysNotReady(const v1::Node& node) {
  const auto& conditions = node.status().conditions();
  return std::any_of(conditions.begin(), conditions.end(), [](const v1::NodeCondition& condition) {
    return condition.type() == "Ready" && condition.status() != "True";
  });
}

bool IsUnreachable(const v1::Node* node) {
  return node == nullptr || std::any_of(node->spec().taints().begin(), node->spec().taints().end(),
                                        [](const v1::Taint& taint) {
                                          return taint.key() == model::kUnreachableTaint;
                                        });
}

std::string CanaryTextOf(const v1::DaemonSet& daemon_set) {
  const auto& annotations = daemon_set.metadata().annotations();
  const auto found = annotations.find(kCanaryAnnotation);
  return found == annotations.end() ? "" : found->second;
}

// Nothing unless nodes are on their way to this revision.
std::optional<FailureRule> FailureRuleOf(const v1::DaemonSet& daemon_set,
                                         const RolloutPolicy& policy) {
  const v1::DaemonSetRollout& rollout = daemon_set.status().rollout();
  if (rollout.revision().empty() || rollout.complete() || !IsRollingUpdate(daemon_set)) {
    return std::nullopt;
  }
  return FailureRule{rollout.revision(), ToWallTime(rollout.started_at()),
                     rollout.restarts_before(), policy.ReadyWithin()};
}

std::optional<Duration> PullPatienceOf(const RolloutPolicy& policy) {
  if (!policy.pre_pull) return std::nullopt;
  return policy.progress_deadline.value_or(kPullPatienceDefault);
}

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
    node_is_gone_ = node == nullptr;
    node_ = node;
    verdict_.unreachable = !pods_.empty() && IsUnreachable(node);
    if (node == nullptr) {
      RemoveUnbound();
    } else if (rules_.suspended) {
      verdict_.tally.misscheduled = pods_.empty() ? 0 : 1;
      RemoveAll(RemovalReason::kSuspended);
    } else {
      const Placement placement = rules_.placement.Judge(*node, now_.wall);
      if (placement.until) WakeAt(now_.MonoAt(*placement.until));
      verdict_.should_run = placement.should_run;
      Count();
      Manage(placement);
    }
    AssignRole();
    CountProgress(node);
    WakeForAvailability();
    return std::move(verdict_);
  }

 private:
  bool Available(const PodFacts& pod) const {
    return IsAvailable(pod, rules_.min_ready_seconds, now_.wall);
  }
  bool IsNew(const PodFacts& pod) const { return rules_.IsCurrent(pod, node_); }

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

  void RemoveAll(RemovalReason reason) {
    for (const PodFacts* pod : pods_) {
      if (!pod->terminating) Remove(*pod, reason);
    }
  }

  void Manage(const Placement& placement) {
    if (!placement.should_continue) {
      RemoveAll(RemovalReason::kNotEligible);
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
        failed_one_waits |= !HealFailed(*pod, placement);
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
  bool HealFailed(const PodFacts& pod, const Placement& placement) {
    // The host took it along when it went down, and has it when it is back, also without us. Its
    // word that it is not ready comes before the taint that follows from it.
    if (pod.silenced && (!placement.should_run || SaysNotReady(*node_))) return false;
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
    if (fresh != nullptr) FindFailure(*fresh);
    if (verdict_.unreachable) {
      verdict_.left = fresh == nullptr && !node_is_gone_ && !rules_.suspended;
      return;
    }
    if (old != nullptr) {
      verdict_.rollout_pod = old->name;
      verdict_.old_endings = old->endings;
    }
    if (rules_.surge) {
      AssignSurgeRole(fresh, old);
    } else {
      AssignUpdateRole(fresh, old);
    }
    for (const PodFacts* pod : {fresh, old}) {
      if (pod != nullptr && (pod == old || pod->pre_pull.facts != nullptr)) JudgeImages(*pod);
    }
  }

  void AssignUpdateRole(const PodFacts* fresh, const PodFacts* old) {
    if ((fresh == nullptr) == (old == nullptr)) {
      verdict_.role = RolloutRole::kUnavailable;
    } else if (fresh != nullptr) {
      if (!Available(*fresh)) verdict_.role = RolloutRole::kUnavailable;
    } else if (old->silenced && !rules_.rejected.contains(old->hash)) {
      // The node is back and its agent has not said yet how the pod is. What may be what silenced
      // it is not given the time.
      verdict_.role = RolloutRole::kUnavailable;
    } else {
      verdict_.role = Available(*old) ? RolloutRole::kCandidate : RolloutRole::kReplaceNow;
    }
  }

  // What its node is to hold before the pod goes. An old pod that is not available has nothing to
  // lose, and beside one that surges the new one starts first: neither waits for an image.
  void JudgeImages(const PodFacts& old) {
    const PrePullFacts* facts = old.pre_pull.facts.get();
    const Duration patience = rules_.pull_patience.value_or(kPullPatienceDefault);
    const bool asked_for = rules_.pull_patience && verdict_.role == RolloutRole::kCandidate;
    const PullJudgement judged = asked_for
                                     ? JudgePull(facts, rules_.HashFor(node_), patience, now_.wall)
                                     : JudgeStrayPull(facts, patience, now_.wall);
    verdict_.pull = judged.stage;
    if (judged.until) WakeAt(now_.MonoAt(*judged.until));
    if (!asked_for || facts == nullptr || judged.stage == PullStage::kWanted ||
        judged.stage == PullStage::kHere) {
      return;
    }
    verdict_.failure_text = facts->error;
    const bool troubled = judged.stage != PullStage::kUnderWay;
    if (judged.stage == PullStage::kLate) verdict_.failure_text = "the image is still being pulled";
    if (!rules_.failures || !rules_.failures->ready_within) return;
    const WallTime late =
        facts->since +
        std::chrono::duration_cast<WallTime::duration>(*rules_.failures->ready_within) + kTimeUnit;
    if (now_.wall < late) {
      WakeAt(now_.MonoAt(late));
    } else if (troubled) {
      Fail(old, RolloutFailure::kImageNotPulled, verdict_.failure_text);
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
    } else if (!old->silenced) {
      verdict_.role = verdict_.should_run ? RolloutRole::kStartNow : RolloutRole::kOldUnavailable;
    }
  }

  // Whether the node's pod of the new revision is evidence against it.
  void FindFailure(const PodFacts& pod) {
    if (!rules_.failures || rules_.failures->revision != rules_.current_hash ||
        pod.created < rules_.failures->started) {
      return;
    }
    if (verdict_.unreachable) {
      // What it never received cannot have harmed it; who takes a node away knows why.
      if (pod.received && !node_is_gone_)
        Fail(pod, RolloutFailure::kNodeLost, "the node went silent with this pod");
    } else if (pod.phase == PodPhase::kFailed) {
      if (!pod.silenced) Fail(pod, RolloutFailure::kPodFailed, "the pod is in phase Failed");
    } else if (pod.out_of_memory) {
      Fail(pod, RolloutFailure::kOutOfMemory, pod.last_ending);
    } else if (pod.endings > rules_.failures->endings_usual) {
      Fail(pod, RolloutFailure::kCrashed,
           pod.endings == 1 ? pod.last_ending
                            : absl::StrCat(pod.last_ending, " (", pod.endings, " times)"));
    } else if (!pod.ready && !pod.silenced && rules_.failures->ready_within) {
      const WallTime since = pod.ready_changed.value_or(pod.created);
      const auto within =
          std::chrono::duration_cast<WallTime::duration>(*rules_.failures->ready_within);
      if (now_.wall >= since + within + kTimeUnit) {
        Fail(pod, RolloutFailure::kNotReadyInTime,
             absl::StrCat("not ready for ", absl::FormatDuration(absl::FromChrono(within))));
      } else {
        WakeAt(now_.MonoAt(since + within + kTimeUnit));
      }
    }
  }

  void Fail(const PodFacts& pod, RolloutFailure failure, std::string text) {
    verdict_.failure = failure;
    verdict_.failed_pod = pod.name;
    verdict_.failure_text = std::move(text);
  }

  void CountProgress(const v1::Node* node) {
    Progress& progress = verdict_.progress;
    bool fresh = false, carried = false, available = false, old = false;
    for (const PodFacts* pod : pods_) {
      if (!IsNew(*pod)) {
        old = true;
      } else if (!pod->terminating) {
        // By the template that it was made from it is what it should be.
        (pod->hash == rules_.current_hash ? fresh : carried) = true;
        available |= Available(*pod) && !verdict_.unreachable;
      }
    }
    progress.fresh = fresh ? 1 : 0;
    progress.unproven = fresh && !available && !verdict_.unreachable ? 1 : 0;
    progress.settled = fresh && (available || verdict_.unreachable) ? 1 : 0;
    if (!verdict_.should_run || IsUnreachable(node)) return;
    verdict_.canary = rules_.canary && rules_.canary->Matches(node->metadata().labels());
    const bool live = std::any_of(pods_.begin(), pods_.end(),
                                  [](const PodFacts* pod) { return !pod->terminating; });
    progress.nodes = 1;
    progress.vacant = live ? 0 : 1;
    progress.carried = carried && !fresh ? 1 : 0;
    progress.updated = (fresh || carried) && !old ? 1 : 0;
    progress.done = available && !old ? 1 : 0;
    progress.canary_nodes = verdict_.canary ? 1 : 0;
    progress.canary_done = verdict_.canary ? progress.done : 0;
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
  bool node_is_gone_ = false;
  const v1::Node* node_ = nullptr;
  NodeVerdict verdict_;
};

}  // namespace

DaemonSetRules::DaemonSetRules(const v1::DaemonSet& daemon_set, const RevisionPlan& revisions)
    : placement(daemon_set.spec().template_().spec()),
      templates(daemon_set.spec().template_()),
      current_hash(revisions.current_hash),
      template_hashes(revisions.template_hashes),
      min_ready_seconds(daemon_set.spec().min_ready_seconds()),
      surge(AllowsSurge(daemon_set)),
      canary_text(CanaryTextOf(daemon_set)) {
  RolloutPolicy policy = ParseRolloutPolicy(daemon_set.metadata().annotations()).policy;
  suspended = policy.suspended;
  pull_patience = PullPatienceOf(policy);
  failures = FailureRuleOf(daemon_set, policy);
  for (const v1::DaemonSetRejectedRevision& each : daemon_set.status().rollout().rejected()) {
    rejected.insert(each.revision());
  }
  if (policy.canary) canary = std::move(policy.canary->selector);
}

bool DaemonSetRules::Fits(const v1::DaemonSet& daemon_set) const {
  const RolloutPolicy policy = ParseRolloutPolicy(daemon_set.metadata().annotations()).policy;
  return suspended == policy.suspended && pull_patience == PullPatienceOf(policy) &&
         canary_text == CanaryTextOf(daemon_set) && failures == FailureRuleOf(daemon_set, policy);
}

bool DaemonSetRules::Fits(const RevisionPlan& revisions) const {
  return current_hash == revisions.current_hash && template_hashes == revisions.template_hashes;
}

bool DaemonSetRules::IsCurrent(const PodFacts& pod, const v1::Node* node) const {
  if (!pod.template_hash.empty()) return pod.template_hash == templates.HashOf(ClassOf(node));
  if (!templates.varied()) return pod.hash == current_hash;
  const auto found = template_hashes.find(pod.hash);
  const std::string& made_from = found == template_hashes.end() ? pod.hash : found->second;
  return made_from == templates.HashOf(ClassOf(node));
}

const std::string& DaemonSetRules::HashFor(const v1::Node* node) const {
  return templates.varied() ? templates.HashOf(ClassOf(node)) : current_hash;
}

int DaemonSetRules::ClassOf(const v1::Node* node) const {
  return node == nullptr ? NodeOverrides::kNoClass : templates.ClassOf(node->metadata().labels());
}

const char* NameOf(RolloutFailure failure) {
  switch (failure) {
    case RolloutFailure::kNone:
      return "";
    case RolloutFailure::kNodeLost:
      return "NodeLost";
    case RolloutFailure::kPodFailed:
      return "PodFailed";
    case RolloutFailure::kOutOfMemory:
      return "OutOfMemory";
    case RolloutFailure::kCrashed:
      return "Crashed";
    case RolloutFailure::kNotReadyInTime:
      return "NotReadyInTime";
    case RolloutFailure::kImageNotPulled:
      return "ImageNotPulled";
  }
  return "";
}

Progress& Progress::operator+=(const Progress& other) {
  nodes += other.nodes;
  updated += other.updated;
  done += other.done;
  canary_nodes += other.canary_nodes;
  canary_done += other.canary_done;
  vacant += other.vacant;
  carried += other.carried;
  fresh += other.fresh;
  unproven += other.unproven;
  settled += other.settled;
  return *this;
}

Progress& Progress::operator-=(const Progress& other) {
  nodes -= other.nodes;
  updated -= other.updated;
  done -= other.done;
  canary_nodes -= other.canary_nodes;
  canary_done -= other.canary_done;
  vacant -= other.vacant;
  carried -= other.carried;
  fresh -= other.fresh;
  unproven -= other.unproven;
  settled -= other.settled;
  return *this;
}

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
