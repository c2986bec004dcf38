#include "coordinator/daemonjob/job_verdict.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/taints.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;

constexpr seconds kRetryFirst{10};
constexpr seconds kRetryMax{360};
constexpr int kDoublingsMax = 6;

bool IsUnreachable(const v1::Node& node) {
  return std::any_of(
      node.spec().taints().begin(), node.spec().taints().end(),
      [](const v1::Taint& taint) { return taint.key() == model::kUnreachableTaint; });
}

// Judges one node; the members are what its steps share.
class JobJudge {
 public:
  JobJudge(const JobRules& rules, const Moment& now) : rules_(rules), now_(now) {}

  JobVerdict OfNoNode(const v1::DaemonJobNode* record, absl::Span<const RunFacts* const> pods) {
    verdict_.drop_record = record != nullptr;
    for (const RunFacts* pod : pods) {
      // One that an agent has is left to the pod garbage collector, which marks it first.
      if (!pod->bound || (pod->terminating && pod->tracked)) {
        Step(RunStep::Kind::kDrop, *pod);
      }
    }
    return std::move(verdict_);
  }

  JobVerdict Of(const v1::Node& node, const std::string& name, const v1::DaemonJobNode* stored,
                absl::Span<const RunFacts* const> pods) {
    const bool same_node = stored != nullptr && stored->node_uid() == node.metadata().uid();
    if (same_node) record_ = *stored;
    record_.set_node(name);
    record_.set_node_uid(node.metadata().uid());
    verdict_.unreachable = IsUnreachable(node);
    const Placement placement = rules_.placement.Judge(node, now_.wall);
    if (placement.until) WakeAt(now_.MonoAt(*placement.until));
    verdict_.matches = placement.should_run;

    TakeEnds(pods, node.metadata().uid());
    GiveUpWhereItIsTime();
    Settle();
    StopWhatMayNotRun(placement);
    verdict_.active = leaving_ || !live_.empty();
    verdict_.create = verdict_.matches && !verdict_.over() && !rules_.suspended &&
                      !verdict_.active && !verdict_.unreachable && verdict_.steps.empty() &&
                      IsTimeForTheNext();
    Write(same_node ? stored : nullptr);
    verdict_.drop_record = stored != nullptr && !same_node && !verdict_.record;
    return std::move(verdict_);
  }

 private:
  void WakeAt(MonoTime at) {
    if (!verdict_.wake_at || at < *verdict_.wake_at) verdict_.wake_at = at;
  }

  void Step(RunStep::Kind kind, const RunFacts& pod) { verdict_.steps.push_back({kind, pod.name}); }

  void Stop(const RunFacts& pod) {
    Step(pod.bound ? RunStep::Kind::kStop : RunStep::Kind::kDrop, pod);
  }

  // Counts the runs that have ended, and finds those that have not.
  void TakeEnds(absl::Span<const RunFacts* const> pods, const std::string& node_uid) {
    for (const RunFacts* pod : pods) {
      const bool of_another_node = !pod->node_uid.empty() && pod->node_uid != node_uid;
      if (pod->terminal()) {
        if (!pod->tracked) continue;
        if (!of_another_node) Count(*pod);
        Step(RunStep::Kind::kRelease, *pod);
      } else if (pod->terminating) {
        if (pod->bound) {
          leaving_ = true;
        } else {
          Step(RunStep::Kind::kDrop, *pod);
        }
      } else if (of_another_node) {
        leaving_ = true;
        Stop(*pod);
      } else {
        live_.push_back(pod);
      }
    }
    std::sort(live_.begin(), live_.end(),
              [](const RunFacts* a, const RunFacts* b) { return KeptBefore(*a, *b); });
  }

  void Count(const RunFacts& pod) {
    if (pod.phase == PodPhase::kSucceeded) {
      record_.set_outcome(kOutcomeSucceeded);
      record_.clear_retry_time();
      TakeEnding(pod);
    } else if (record_.outcome() != kOutcomeSucceeded && pod.failures > 0) {
      record_.set_failures(record_.failures() + pod.failures);
      TakeEnding(pod);
      *record_.mutable_retry_time() = FromWallTime(now_.wall + RetryDelay(record_.failures()));
    }
  }

  void TakeEnding(const RunFacts& pod) {
    record_.set_pod(pod.name);
    record_.set_container(pod.ending.container);
    record_.clear_exit_code();
    if (pod.ending.exit_code) record_.set_exit_code(*pod.ending.exit_code);
    record_.set_reason(pod.ending.reason);
    record_.set_message(pod.ending.message);
    record_.clear_start_time();
    if (pod.started) *record_.mutable_start_time() = *pod.started;
    *record_.mutable_completion_time() = pod.finished ? *pod.finished : FromWallTime(now_.wall);
  }

  bool HasSucceeded() const { return record_.outcome() == kOutcomeSucceeded; }
  bool IsPastLimit(int32_t failures) const { return failures > rules_.backoff_limit; }

  // A pod whose containers are started again on its node never ends by its failures.
  void GiveUpWhereItIsTime() {
    if (HasSucceeded()) return;
    for (auto it = live_.begin(); it != live_.end();) {
      const RunFacts& pod = **it;
      if (!pod.tracked || pod.failures == 0 || !IsPastLimit(record_.failures() + pod.failures)) {
        ++it;
        continue;
      }
      Count(pod);
      Step(RunStep::Kind::kGiveUp, pod);
      leaving_ = true;
      it = live_.erase(it);
    }
  }

  // Whether it has failed follows from the limit, which may be raised.
  void Settle() {
    verdict_.succeeded = HasSucceeded();
    verdict_.failed = !verdict_.succeeded && IsPastLimit(record_.failures());
    if (verdict_.failed) {
      verdict_.newly_failed = record_.outcome() != kOutcomeFailed;
      record_.set_outcome(kOutcomeFailed);
      record_.clear_retry_time();
    } else if (!verdict_.succeeded) {
      record_.clear_outcome();
    }
  }

  void StopWhatMayNotRun(const Placement& placement) {
    const bool none = verdict_.over() || rules_.suspended || !placement.should_continue;
    for (size_t i = none ? 0 : 1; i < live_.size(); ++i) {
      Stop(*live_[i]);
      leaving_ = leaving_ || live_[i]->bound;
    }
    if (none) live_.clear();
  }

  bool IsTimeForTheNext() {
    if (!record_.has_retry_time()) return true;
    const WallTime until = ToWallTime(record_.retry_time());
    // Longer than it can be: the clock was set back.
    if (until > now_.wall + RetryDelay(record_.failures())) return true;
    if (until <= now_.wall) return true;
    WakeAt(now_.MonoAt(until));
    return false;
  }

  void Write(const v1::DaemonJobNode* stored) {
    const bool empty = record_.outcome().empty() && record_.failures() == 0;
    if (stored == nullptr ? empty : record_.SerializeAsString() == stored->SerializeAsString()) {
      return;
    }
    verdict_.record = std::move(record_);
  }

  const JobRules& rules_;
  const Moment& now_;
  v1::DaemonJobNode record_;
  std::vector<const RunFacts*> live_;
  bool leaving_ = false;  // A run is being stopped.
  JobVerdict verdict_;
};

}  // namespace

JobRules::JobRules(const v1::DaemonJob& job)
    : placement(job.spec().template_().spec()),
      backoff_limit(job.spec().backoff_limit()),
      suspended(job.spec().suspend()) {}

bool JobRules::Fits(const v1::DaemonJob& job) const {
  return backoff_limit == job.spec().backoff_limit() && suspended == job.spec().suspend();
}

std::chrono::seconds RetryDelay(int32_t failures) {
  const int doublings = std::clamp(failures - 1, 0, kDoublingsMax);
  return std::min(kRetryFirst * (1 << doublings), kRetryMax);
}

JobVerdict JudgeJobNode(const JobRules& rules, const v1::Node* node, const std::string& node_name,
                        const v1::DaemonJobNode* record, absl::Span<const RunFacts* const> pods,
                        const Moment& now) {
  JobJudge judge(rules, now);
  return node == nullptr ? judge.OfNoNode(record, pods) : judge.Of(*node, node_name, record, pods);
}

std::string EndingText(const v1::DaemonJobNode& record) {
  std::string text =
      record.container().empty() ? "" : absl::StrCat("container ", record.container(), ": ");
  const bool telling = !record.reason().empty() && record.reason() != "Error";
  if (telling) absl::StrAppend(&text, record.reason(), record.has_exit_code() ? ", " : "");
  if (record.has_exit_code()) absl::StrAppend(&text, "exit code ", record.exit_code());
  if (text.empty()) text = "it failed";
  const std::string line = record.message().substr(0, record.message().find('\n'));
  return line.empty() ? text : absl::StrCat(text, ": ", line);
}

}  // namespace muster::coordinator
