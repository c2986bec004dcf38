#include "coordinator/daemonset/rollout.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/daemonset/rollout_words.h"
#include "coordinator/daemonset/update_budget.h"

namespace muster::coordinator {
namespace {

constexpr int kListedMax = 100;  // Names of nodes in the status.
constexpr int kRejectedMax = 10;
// Old pods gather restarts with every reboot; more than this says nothing of a new pod's first
// minutes.
constexpr int32_t kEndingsUsualMax = 2;
// Stored times have lost their fraction of a second.
constexpr std::chrono::seconds kTimeUnit(1);

constexpr char kNodeLost[] = "NodeLost";
constexpr int32_t kDeadlyLeast = 2;

// How often containers of a pod of the base have usually ended: of half of the pods not more often.
int32_t UsualEndings(const Roster& roster) {
  std::vector<int32_t> endings;
  for (const auto& [node, verdict] : roster.verdicts()) {
    if (!verdict.rollout_pod.empty()) endings.push_back(verdict.old_endings);
  }
  if (endings.empty()) return 0;
  const auto middle = endings.begin() + static_cast<std::ptrdiff_t>((endings.size() - 1) / 2);
  std::nth_element(endings.begin(), middle, endings.end());
  return std::min(*middle, kEndingsUsualMax);
}

class Decider {
 public:
  explicit Decider(const RolloutInput& input)
      : input_(input),
        policy_(input.policy),
        current_(input.revisions.current_hash),
        progress_(input.roster.progress()),
        phase_before_(input.daemon_set.status().rollout().phase()),
        state_(decision_.state) {}

  RolloutDecision Decide() {
    state_ = input_.daemon_set.status().rollout();
    if (state_.revision() != current_) Start();
    Count();
    if (!IsRollingUpdate(input_.daemon_set)) {
      LeaveToOthers();
      return std::move(decision_);
    }
    RecordFailures();
    if (policy_.request) Answer(*policy_.request);
    if (!is_waiting() && !is_halted() &&
        IsOneOf(phase_before_, {kPhaseAwaitingPromotion, kPhaseAwaitingNodes, kPhasePaused,
                                kPhaseSuspended, kPhaseHalted})) {
      Touch();  // The clock stood still.
    }
    // Failures first: the last node of a rollout may be one.
    if (!state_.complete() && !is_halted() && !policy_.paused && !policy_.suspended) Judge();
    if (!state_.complete() && !is_halted() && !policy_.suspended) Complete();
    SetPhase();
    SetGate();
    return std::move(decision_);
  }

 private:
  static bool IsOneOf(const std::string& value, std::initializer_list<const char*> list) {
    return std::find(list.begin(), list.end(), value) != list.end();
  }

  bool is_halted() const { return !state_.halt_reason().empty(); }
  bool has_canary() const {
    return policy_.canary && !state_.promoted() && !state_.complete() && HasBase(state_);
  }
  // Of a canary by count: nodes that have nothing to gain or to lose by it are none.
  int64_t canary_nodes() const {
    return std::min<int64_t>(policy_.CanaryNodes(desired()), progress_.nodes - progress_.carried);
  }
  // Nothing more is to be learned from it. A node that went silent with it may have been its
  // victim: what that means the one who promotes has to know.
  bool canary_is_done() const {
    return policy_.canary->selector ? progress_.canary_done == progress_.canary_nodes
                                    : progress_.settled >= canary_nodes();
  }
  bool reachable_are_done() const { return progress_.done == progress_.nodes; }
  // Nobody expects a node to be finished now.
  bool is_waiting() const {
    return policy_.paused || policy_.suspended || reachable_are_done() ||
           (has_canary() && canary_is_done());
  }
  bool most_are_reachable() const { return state_.left() == 0 || progress_.nodes > state_.left(); }
  int32_t desired() const { return input_.roster.tally().desired; }

  void Tell(bool warning, std::string reason, std::string message) {
    decision_.events.push_back({warning, std::move(reason), std::move(message)});
  }
  void Touch() { *state_.mutable_progressed_at() = FromWallTime(input_.now.wall); }

  // The way to another revision begins.
  void Start() {
    const v1::DaemonSetRollout before = std::exchange(state_, {});
    state_.set_revision(current_);
    *state_.mutable_started_at() = FromWallTime(input_.now.wall);
    Touch();
    state_.set_restarts_before(UsualEndings(input_.roster));
    *state_.mutable_rejected() = before.rejected();
    if (before.revision().empty()) {
      // Nobody kept account so far: the newest that runs anywhere.
      state_.set_base_revision(input_.revisions.previous_hash);
    } else if (before.base_revision() == current_) {
      state_.set_base_revision(current_);  // A return to what was good.
      if (before.rolled_back_from() == before.revision()) {
        state_.set_rolled_back_from(before.rolled_back_from());
        return;
      }
    } else if (before.everywhere() && before.halt_reason().empty()) {
      state_.set_base_revision(before.revision());
    } else {
      state_.set_base_revision(before.base_revision());
    }
    for (const v1::DaemonSetRejectedRevision& rejected : state_.rejected()) {
      if (rejected.revision() != current_) continue;
      Halt(kHaltRejected, absl::StrCat("revision ", current_, " was taken back before (",
                                       rejected.reason(), ": ", rejected.message(), ")"));
    }
  }

  void Count() {
    if (progress_.done > state_.done()) Touch();
    state_.set_nodes(progress_.nodes);
    state_.set_updated(progress_.updated);
    state_.set_done(progress_.done);
    state_.set_taken(progress_.fresh);
    state_.clear_left_nodes();
    for (const std::string_view node : input_.roster.left()) {
      if (state_.left_nodes_size() >= kListedMax) break;
      state_.add_left_nodes(std::string(node));
    }
    state_.set_left(static_cast<int32_t>(input_.roster.left().size()));
    if (progress_.updated == progress_.nodes && most_are_reachable() && !policy_.suspended) {
      state_.set_everywhere(true);
    }
  }

  // Pods are replaced when somebody deletes them: there is nothing to drive, halt or go back from.
  void LeaveToOthers() {
    state_.clear_failures();
    state_.clear_failed();
    state_.clear_left_nodes();
    state_.clear_left();
    state_.clear_halt_reason();
    state_.clear_halt_message();
    state_.set_phase(kPhaseOnDelete);
    if (policy_.request) Ignore("the update strategy is OnDelete");
  }

  void RecordFailures() {
    if (state_.complete()) return;
    const Roster::NodeSet& failing = input_.roster.failing();
    auto& listed = *state_.mutable_failures();
    listed.erase(std::remove_if(listed.begin(), listed.end(),
                                [&](const v1::DaemonSetNodeFailure& failure) {
                                  return failure.reason() == kNodeLost &&
                                         !failing.contains(failure.node());
                                }),
                 listed.end());
    std::set<std::string_view> names;
    int32_t count = 0;
    for (const v1::DaemonSetNodeFailure& failure : listed) {
      names.insert(failure.node());
      if (!failure.accepted()) ++count;
    }
    for (const std::string_view name : failing) {
      if (names.contains(name)) continue;
      ++count;
      if (listed.size() >= kListedMax) continue;
      const std::string node(name);
      const NodeVerdict& verdict = *input_.roster.Find(node);
      v1::DaemonSetNodeFailure& failure = *listed.Add();
      failure.set_node(node);
      failure.set_pod(verdict.failed_pod);
      failure.set_reason(NameOf(verdict.failure));
      failure.set_message(verdict.failure_text);
      *failure.mutable_time() = FromWallTime(input_.now.wall);
    }
    state_.set_failed(count);
  }

  void Answer(const RolloutPolicy::Request& request) {
    using Verb = RolloutPolicy::Request::Verb;
    if (request.revision != current_) {
      return Ignore(absl::StrCat("it is about revision ", request.revision,
                                 ", and the rollout is to ", current_));
    }
    if (state_.complete()) return Ignore("the rollout is complete");
    decision_.request_done = true;
    switch (request.verb) {
      case Verb::kPromote:
        if (state_.promoted()) return;
        state_.set_promoted(true);
        return Tell(false, "RolloutPromoted",
                    absl::StrCat("Revision ", current_, " goes on from the canary to all nodes"));
      case Verb::kAbort:
        return GoBack(kHaltAborted, "somebody aborted it");
      case Verb::kResume:
        if (!is_halted() && !LooksDeadly(state_)) return;
        Forgive();
        return Tell(false, "RolloutResumed",
                    absl::StrCat("Going on with revision ", current_, " in spite of its failures"));
    }
  }

  void Ignore(const std::string& why) {
    decision_.request_done = true;
    Tell(true, "RolloutRequestIgnored", absl::StrCat("Nothing was done on request: ", why));
  }

  void Forgive() {
    state_.clear_halt_reason();
    state_.clear_halt_message();
    for (v1::DaemonSetNodeFailure& failure : *state_.mutable_failures()) failure.set_accepted(true);
    state_.set_failed(0);
    Reinstate();
  }

  void Reinstate() {
    auto& rejected = *state_.mutable_rejected();
    rejected.erase(std::remove_if(rejected.begin(), rejected.end(),
                                  [&](const auto& each) { return each.revision() == current_; }),
                   rejected.end());
  }

  void Complete() {
    if (!reachable_are_done() || !most_are_reachable()) return;
    // Who returns while nobody may be taken on has to wait too.
    if (state_.left() > 0 && (policy_.paused || has_canary())) return;
    state_.set_complete(true);
    state_.clear_failures();
    state_.clear_failed();
    Reinstate();
    if (HasBase(state_) || !state_.rolled_back_from().empty()) {
      Tell(false, "RolloutComplete",
           absl::StrCat("Revision ", current_, " is on every node that can be reached (",
                        progress_.nodes, ")", LeftClause(state_)));
    }
    state_.set_base_revision(current_);
  }

  void Judge() {
    // On the way back nothing is better than to go on.
    if (state_.base_revision() == current_) return;
    const int64_t failures_max = policy_.FailuresMax(desired());
    // When no node can be reached it is probably us who are cut off.
    if (policy_.limits_failures() && progress_.nodes > 0 && state_.failed() >= failures_max) {
      return Verdict(kHaltTooManyFailures,
                     absl::StrCat(NodeCount(state_.failed()), " failed with it, ", failures_max,
                                  failures_max == 1 ? " is" : " are",
                                  " enough to stop: ", FailureList(state_)));
    }
    if (!policy_.progress_deadline || is_waiting()) return;
    const auto limit =
        std::chrono::duration_cast<WallTime::duration>(*policy_.progress_deadline) + kTimeUnit;
    const WallTime late = ToWallTime(state_.progressed_at()) + limit;
    if (input_.now.wall < late) {
      decision_.wake_at = input_.now.MonoAt(late);
      return;
    }
    Verdict(kHaltProgressDeadline,
            absl::StrCat("no node was finished within ",
                         absl::FormatDuration(absl::FromChrono(*policy_.progress_deadline)), ", ",
                         progress_.done, " of ", progress_.nodes, " are",
                         state_.failed() > 0 ? absl::StrCat("; ", FailureList(state_)) : ""));
  }

  void Verdict(const char* reason, const std::string& message) {
    if (policy_.rolls_back()) {
      GoBack(reason, message);
    } else {
      Halt(reason, message);
    }
  }

  void Halt(const char* reason, const std::string& message) {
    state_.set_halt_reason(reason);
    state_.set_halt_message(message);
    Tell(true, "RolloutHalted", absl::StrCat(reason, ": ", message));
  }

  void GoBack(const char* reason, const std::string& message) {
    if (!HasBase(state_) || !input_.revision_exists(state_.base_revision())) {
      return Halt(reason, absl::StrCat(message, "; there is no revision to go back to"));
    }
    state_.set_halt_reason(reason);
    state_.set_halt_message(message);
    state_.set_rolled_back_from(current_);
    Reinstate();
    if (state_.rejected_size() >= kRejectedMax) {
      state_.mutable_rejected()->erase(state_.rejected().begin());
    }
    v1::DaemonSetRejectedRevision& rejected = *state_.add_rejected();
    rejected.set_revision(current_);
    rejected.set_reason(reason);
    rejected.set_message(message);
    *rejected.mutable_time() = FromWallTime(input_.now.wall);
    decision_.go_back = true;
    Tell(true, "RolledBack",
         absl::StrCat("Going back from revision ", current_, " to ", state_.base_revision(), ": ",
                      reason, ": ", message));
  }

  void SetPhase() {
    const char* phase = kPhaseProgressing;
    if (policy_.suspended) {
      phase = kPhaseSuspended;
    } else if (state_.complete()) {
      phase = kPhaseComplete;
    } else if (is_halted()) {
      phase = kPhaseHalted;
    } else if (policy_.paused) {
      phase = kPhasePaused;
    } else if (has_canary() && canary_is_done()) {
      phase = kPhaseAwaitingPromotion;
    } else if (reachable_are_done()) {
      phase = kPhaseAwaitingNodes;
    }
    state_.set_phase(phase);
    if (phase == phase_before_) return;
    const bool on = state_.phase() == kPhaseProgressing;
    if (state_.phase() == kPhaseAwaitingPromotion) {
      Tell(false, "CanaryReady",
           absl::StrCat("Revision ", current_, " is on the canary (", NodeCount(progress_.fresh),
                        ") and waits to be promoted or aborted"));
    } else if (state_.phase() == kPhaseAwaitingNodes) {
      Tell(false, "NodesLeft",
           absl::StrCat("Revision ", current_, " is on every node that can be reached (",
                        progress_.nodes, ")", LeftClause(state_)));
    } else if (state_.phase() == kPhasePaused) {
      Tell(false, "RolloutPaused", absl::StrCat("Revision ", current_, " goes to no more nodes"));
    } else if (phase_before_ == kPhasePaused && on) {
      Tell(false, "RolloutResumed", absl::StrCat("Going on with revision ", current_));
    } else if (state_.phase() == kPhaseSuspended) {
      Tell(false, "Suspended", "All pods go until the suspension ends");
    } else if (phase_before_ == kPhaseSuspended) {
      Tell(false, "Resumed", "The suspension has ended");
    }
  }

  void SetGate() {
    RolloutGate& gate = decision_.gate;
    gate.open = IsOneOf(state_.phase(), {kPhaseProgressing, kPhaseAwaitingPromotion,
                                         kPhaseAwaitingNodes, kPhaseComplete});
    if (!state_.complete() && state_.base_revision() != current_ && LooksDeadly(state_)) {
      gate.open = false;
    }
    gate.guarded = HasBase(state_) && !state_.complete() && (policy_.is_guarded() || !gate.open) &&
                   input_.revision_exists(state_.base_revision());
    if (!has_canary()) return;
    gate.canary_only = policy_.canary->selector.has_value();
    gate.fresh_max = policy_.CanaryNodes(desired());
  }

  const RolloutInput& input_;
  const RolloutPolicy& policy_;
  const std::string& current_;
  const Progress& progress_;
  const std::string phase_before_;
  RolloutDecision decision_;
  v1::DaemonSetRollout& state_;
};

}  // namespace

bool LooksDeadly(const v1::DaemonSetRollout& rollout) {
  int32_t lost = 0;
  for (const v1::DaemonSetNodeFailure& failure : rollout.failures()) {
    if (failure.reason() == kNodeLost && !failure.accepted()) ++lost;
  }
  return lost >= kDeadlyLeast && 2 * lost > rollout.taken();
}

bool HasBase(const v1::DaemonSetRollout& rollout) {
  return !rollout.base_revision().empty() && rollout.base_revision() != rollout.revision();
}

RolloutDecision DecideRollout(const RolloutInput& input) { return Decider(input).Decide(); }

}  // namespace muster::coordinator
