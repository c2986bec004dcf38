#include "coordinator/daemonjob/job_plan.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/daemon_job.h"
#include "common/model/int_or_string.h"
#include "common/model/semantic_equal.h"
#include "coordinator/daemonjob/job_status.h"
#include "coordinator/daemonset/pod_factory.h"
#include "coordinator/daemonset/pod_facts.h"

namespace muster::coordinator {
namespace {

class JobPlanner {
 public:
  explicit JobPlanner(const JobPlanInput& input) : input_(input) {}

  DaemonJobPlan Plan() {
    if (input_.job.metadata().has_deletion_timestamp()) return std::move(plan_);
    if (IsRemovalDue()) {
      plan_.remove = true;
      return std::move(plan_);
    }
    WakeAt(input_.roster.next_wake());
    const bool held = TakeSteps();
    CreateRuns();
    // What is not written down yet is not told either.
    if (!held && !plan_.more) WriteStatus();
    WriteRecords();
    return std::move(plan_);
  }

 private:
  void WakeAt(std::optional<MonoTime> at) {
    if (at && (!plan_.wake_at || *at < *plan_.wake_at)) plan_.wake_at = at;
  }

  bool IsRemovalDue() {
    const std::optional<WallTime> ended = EndOf(input_.job.status());
    if (!ended || !input_.job.spec().has_ttl_seconds_after_finished()) return false;
    // A node that has just come to be is not forgotten over it.
    if (!IsOver(input_.roster.tally())) return false;
    const WallTime until =
        *ended + std::chrono::seconds(input_.job.spec().ttl_seconds_after_finished());
    if (until <= input_.now.wall) return true;
    WakeAt(input_.now.MonoAt(until));
    return false;
  }

  // True when there is something to write that waits for its time.
  bool TakeSteps() {
    const JobRoster::NodeSet& acting = input_.roster.acting();
    if (acting.empty()) return false;
    if (input_.record_from && input_.now.mono < *input_.record_from) {
      WakeAt(*input_.record_from);
      return true;
    }
    for (const std::string_view name : acting) {
      const std::string node(name);
      const JobVerdict& verdict = *input_.roster.Find(node);
      if (plan_.steps.size() + verdict.steps.size() > input_.limits.steps_max &&
          !plan_.steps.empty()) {
        plan_.more = true;
        break;
      }
      for (const RunStep& step : verdict.steps) Take(step);
      if (verdict.record) {
        records_.emplace(node, &*verdict.record);
      } else if (verdict.drop_record) {
        records_.emplace(node, nullptr);
      }
      if (verdict.newly_failed) {
        plan_.events.push_back(
            {true, "BackoffLimitExceeded",
             absl::StrCat("Node ", node, " has failed: ", verdict.record->failures(),
                          verdict.record->failures() == 1 ? " run" : " runs",
                          " failed, the last one with ", EndingText(*verdict.record))});
      }
    }
    return false;
  }

  void Take(const RunStep& step) {
    plan_.steps.push_back(step);
    if (step.kind == RunStep::Kind::kRelease) return;
    plan_.events.push_back({false, "SuccessfulDelete", absl::StrCat("Deleted pod: ", step.pod)});
  }

  void CreateRuns() {
    const JobTally& tally = input_.roster.tally();
    int32_t places = ParallelNodes(input_.job, tally.desired) - tally.active;
    for (const std::string_view name : input_.roster.creating()) {
      if (places <= 0 || !plan_.creation.ok()) return;
      if (plan_.create.size() >= input_.limits.creates_max) {
        plan_.more = true;
        return;
      }
      --places;
      if (absl::Status made = CreateOn(std::string(name)); !made.ok()) {
        plan_.creation = made;
        plan_.events.push_back(
            {true, "FailedCreate", absl::StrCat("Error creating: ", made.message())});
      }
    }
  }

  absl::Status CreateOn(const std::string& node) {
    const v1::ObjectMeta& meta = input_.job.metadata();
    const v1::Node* found = input_.find_node(node);
    if (found == nullptr) return absl::OkStatus();
    if (!pattern_) {
      const PodOwner owner{meta.name(), meta.namespace_(), OwnerReferenceTo(input_.job)};
      MUSTER_ASSIGN_OR_RETURN(
          pattern_, MakePodPattern(owner, input_.job.spec().template_(), input_.priority_classes));
      (*pattern_->mutable_metadata()->mutable_labels())[model::kDaemonJobLabel] = meta.name();
      pattern_->mutable_metadata()->add_finalizers(model::kDaemonJobFinalizer);
    }
    MUSTER_ASSIGN_OR_RETURN(
        const std::string name,
        DrawPodName(meta.name(), input_.random, [&](const std::string& candidate) {
          return names_.contains(candidate) || input_.pod_name_taken(candidate);
        }));
    names_.insert(name);
    v1::Pod pod = MakePod(*pattern_, name, node);
    (*pod.mutable_metadata()->mutable_annotations())[model::kNodeUidAnnotation] =
        found->metadata().uid();
    plan_.create.push_back(std::move(pod));
    plan_.events.push_back({false, "SuccessfulCreate", absl::StrCat("Created pod: ", name)});
    return absl::OkStatus();
  }

  void WriteStatus() {
    JobProgress progress;
    progress.tally = input_.roster.tally();
    progress.tally.active += static_cast<int32_t>(plan_.create.size());
    for (const std::string_view node : input_.roster.failed()) {
      if (progress.failures.size() == kNodesNamedMax) break;
      const std::string name(node);
      const JobVerdict& verdict = *input_.roster.Find(name);
      const v1::DaemonJobNode* record =
          verdict.record ? &*verdict.record : FindRecord(input_.job, name);
      if (record != nullptr) progress.failures.push_back(record);
    }
    for (const std::string_view node : input_.roster.out_of_reach()) {
      if (progress.out_of_reach.size() == kNodesNamedMax) break;
      progress.out_of_reach.emplace_back(node);
    }
    plan_.status = WithoutRecords(input_.job.status());
    UpdateJobStatus(input_.job, progress, input_.now.wall, *plan_.status, plan_.events);
  }

  // The list of all nodes with what is new in its place.
  void WriteRecords() {
    if (records_.empty()) return;
    DaemonJobPlan::Records merged;
    auto added = records_.begin();
    const auto add_up_to = [&](const std::string* name) {
      for (; added != records_.end() && (name == nullptr || added->first < *name); ++added) {
        if (added->second != nullptr) *merged.Add() = *added->second;
      }
    };
    for (const v1::DaemonJobNode& stored : input_.job.status().nodes()) {
      add_up_to(&stored.node());
      if (added == records_.end() || added->first != stored.node()) *merged.Add() = stored;
    }
    add_up_to(nullptr);
    plan_.records = std::move(merged);
  }

  const JobPlanInput& input_;
  DaemonJobPlan plan_;
  std::map<std::string, const v1::DaemonJobNode*> records_;  // Null: the node is gone.
  std::optional<v1::Pod> pattern_;
  std::set<std::string> names_;
};

}  // namespace

DaemonJobPlan MakeJobPlan(const JobPlanInput& input) { return JobPlanner(input).Plan(); }

std::optional<v1::DaemonJobStatus> NewStatus(const DaemonJobPlan& plan,
                                             const v1::DaemonJobStatus& stored) {
  const bool same_head =
      !plan.status || model::SemanticallyEqual(*plan.status, WithoutRecords(stored));
  if (same_head && !plan.records) return std::nullopt;
  v1::DaemonJobStatus status = plan.status ? *plan.status : WithoutRecords(stored);
  *status.mutable_nodes() = plan.records ? *plan.records : stored.nodes();
  return status;
}

int32_t ParallelNodes(const v1::DaemonJob& job, int32_t desired) {
  if (!job.spec().has_parallelism()) return desired;
  const absl::StatusOr<int32_t> scaled = model::ScaledRoundingUp(job.spec().parallelism(), desired);
  return scaled.ok() ? std::max(*scaled, 0) : 0;
}

v1::OwnerReference OwnerReferenceTo(const v1::DaemonJob& job) {
  v1::OwnerReference reference;
  reference.set_api_version("muster.dev/v1");
  reference.set_kind("DaemonJob");
  reference.set_name(job.metadata().name());
  reference.set_uid(job.metadata().uid());
  reference.set_controller(true);
  reference.set_block_owner_deletion(true);
  return reference;
}

const v1::DaemonJobNode* FindRecord(const v1::DaemonJob& job, const std::string& node) {
  const auto& records = job.status().nodes();
  const auto found = std::lower_bound(records.begin(), records.end(), node,
                                      [](const v1::DaemonJobNode& record, const std::string& name) {
                                        return record.node() < name;
                                      });
  return found == records.end() || found->node() != node ? nullptr : &*found;
}

}  // namespace muster::coordinator
