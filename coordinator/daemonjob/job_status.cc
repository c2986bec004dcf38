#include "coordinator/daemonjob/job_status.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/daemonset/pod_facts.h"

namespace muster::coordinator {
namespace {

constexpr char kComplete[] = "Complete";
constexpr char kFailed[] = "Failed";
constexpr char kSuspended[] = "Suspended";

struct Finding {
  bool holds = false;
  std::string reason;
  std::string message;
};

v1::DaemonJobCondition* Find(const std::string& type, v1::DaemonJobStatus& status) {
  for (v1::DaemonJobCondition& condition : *status.mutable_conditions()) {
    if (condition.type() == type) return &condition;
  }
  return nullptr;
}

// True when it turned, or appeared and holds.
bool Set(const std::string& type, Finding finding, WallTime now, v1::DaemonJobStatus& status) {
  v1::DaemonJobCondition* condition = Find(type, status);
  const bool held = condition != nullptr && condition->status() == "True";
  const bool known = condition != nullptr;
  if (!known) {
    condition = status.add_conditions();
    condition->set_type(type);
  }
  if (!known || held != finding.holds) {
    condition->set_status(finding.holds ? "True" : "False");
    *condition->mutable_last_transition_time() = FromWallTime(now);
  }
  condition->set_reason(std::move(finding.reason));
  condition->set_message(std::move(finding.message));
  return held != finding.holds;
}

std::string Nodes(int32_t count) { return absl::StrCat(count, count == 1 ? " node" : " nodes"); }

// "node-1, node-2 and 3 more"
std::string Named(const std::vector<std::string>& names, int32_t count) {
  std::string text = absl::StrJoin(names, ", ");
  const int32_t rest = count - static_cast<int32_t>(names.size());
  if (rest > 0) absl::StrAppend(&text, " and ", rest, " more");
  return text;
}

std::string FailureList(const JobProgress& progress) {
  std::vector<std::string> named;
  for (const v1::DaemonJobNode* record : progress.failures) {
    named.push_back(absl::StrCat(record->node(), " (", EndingText(*record), ")"));
  }
  return absl::StrCat(Nodes(progress.tally.failed),
                      " failed: ", Named(named, progress.tally.failed));
}

std::string Counts(const JobTally& tally) {
  return absl::StrCat(tally.succeeded, " of ", Nodes(tally.desired), " succeeded");
}

Finding Complete(const v1::DaemonJob& job, const JobProgress& progress) {
  const JobTally& tally = progress.tally;
  if (tally.desired == 0) return {false, "NoMatchingNodes", "no node matches the template"};
  const std::string counts = Counts(tally);
  if (tally.succeeded == tally.desired) return {true, "AllNodesSucceeded", counts};
  const int32_t left = tally.desired - tally.succeeded - tally.failed;
  if (left == 0) return {false, "NodesFailed", counts};
  if (job.spec().suspend()) {
    return {false, "JobSuspended", absl::StrCat(counts, ", ", left, " left")};
  }
  std::string message = absl::StrCat(counts, ", ", left, " left");
  if (tally.out_of_reach == 0) return {false, "NodesLeft", std::move(message)};
  absl::StrAppend(&message,
                  "; cannot be reached: ", Named(progress.out_of_reach, tally.out_of_reach));
  return {false, tally.out_of_reach == left ? "NodesUnreachable" : "NodesLeft", std::move(message)};
}

Finding Failed(const JobProgress& progress) {
  if (progress.tally.failed == 0) return {false, "NoFailures", ""};
  return {IsOver(progress.tally), "BackoffLimitExceeded", FailureList(progress)};
}

void UpdateSuspension(const v1::DaemonJob& job, WallTime now, v1::DaemonJobStatus& status,
                      std::vector<PlannedEvent>& events) {
  if (job.spec().suspend()) {
    status.clear_start_time();
    if (Set(kSuspended, {true, "JobSuspended", "Job suspended"}, now, status)) {
      events.push_back({false, "Suspended", "Job suspended"});
    }
    return;
  }
  if (Find(kSuspended, status) != nullptr &&
      Set(kSuspended, {false, "JobResumed", "Job resumed"}, now, status)) {
    events.push_back({false, "Resumed", "Job resumed"});
  }
  if (!status.has_start_time()) *status.mutable_start_time() = FromWallTime(now);
}

}  // namespace

bool IsOver(const JobTally& tally) {
  return tally.desired > 0 && tally.succeeded + tally.failed == tally.desired;
}

void UpdateJobStatus(const v1::DaemonJob& job, const JobProgress& progress, WallTime now,
                     v1::DaemonJobStatus& status, std::vector<PlannedEvent>& events) {
  const JobTally& tally = progress.tally;
  status.set_observed_generation(
      std::max(status.observed_generation(), job.metadata().generation()));
  status.set_desired(tally.desired);
  status.set_active(tally.active);
  status.set_succeeded(tally.succeeded);
  status.set_failed(tally.failed);
  UpdateSuspension(job, now, status, events);

  Finding complete = Complete(job, progress);
  const bool is_complete = complete.holds;
  if (Set(kComplete, std::move(complete), now, status) && is_complete) {
    events.push_back({false, "Completed", absl::StrCat("Job completed: ", Counts(tally))});
  }
  if (!is_complete) {
    status.clear_completion_time();
  } else if (!status.has_completion_time()) {
    *status.mutable_completion_time() = FromWallTime(now);
  }
  Finding failed = Failed(progress);
  const bool has_failed = failed.holds;
  if (Set(kFailed, std::move(failed), now, status) && has_failed) {
    events.push_back({true, "FailedNodes", absl::StrCat("Job failed: ", FailureList(progress))});
  }
}

v1::DaemonJobStatus WithoutRecords(const v1::DaemonJobStatus& status) {
  v1::DaemonJobStatus head;
  head.set_observed_generation(status.observed_generation());
  head.set_desired(status.desired());
  head.set_active(status.active());
  head.set_succeeded(status.succeeded());
  head.set_failed(status.failed());
  if (status.has_start_time()) *head.mutable_start_time() = status.start_time();
  if (status.has_completion_time()) *head.mutable_completion_time() = status.completion_time();
  *head.mutable_conditions() = status.conditions();
  return head;
}

std::optional<WallTime> EndOf(const v1::DaemonJobStatus& status) {
  for (const v1::DaemonJobCondition& condition : status.conditions()) {
    const bool is_end = condition.type() == kComplete || condition.type() == kFailed;
    if (is_end && condition.status() == "True") {
      return ToWallTime(condition.last_transition_time());
    }
  }
  return std::nullopt;
}

}  // namespace muster::coordinator
