// How ControllerLoop carries out the plans of DaemonJobs.

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/daemon_job.h"
#include "common/model/kinds.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/controllers/retry_after.h"
#include "coordinator/daemonjob/job_plan.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/nodes/pod_removal.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr char kSource[] = "daemonjob-controller";
// Each write of results rewrites the record of all nodes, so large fleets are written more rarely.
constexpr auto kPacePerNode = std::chrono::microseconds(100);
constexpr auto kPaceMax = std::chrono::seconds(1);

MonoTime RecordFrom(const DaemonJobState& state) {
  const auto pace =
      std::min<MonoTime::duration>(kPacePerNode * state.job().status().nodes_size(), kPaceMax);
  return *state.recorded_at + pace;
}

}  // namespace

void ControllerLoop::KeepDaemonJobs(const Moment& now) {
  CommitBatch batch = NewBatch();
  for (auto& [key, state] : daemon_jobs_) {
    const bool waits = state.retry_at && *state.retry_at > now.mono;
    const bool due = state.wake_at && *state.wake_at <= now.mono;
    if (waits || !(state.dirty || due)) continue;
    state.dirty = false;
    state.retry_at.reset();
    state.wake_at.reset();
    if (state.job().metadata().has_deletion_timestamp()) {
      EndDaemonJob(state, now, batch);
    } else {
      KeepDaemonJob(state, now, batch);
    }
  }
  batch.Flush();
  for (const auto& [key, state] : daemon_jobs_) {
    if (state.wake_at) WakeAt(*state.wake_at);
    if (state.retry_at) WakeAt(*state.retry_at);
  }
}

void ControllerLoop::FinishJob(DaemonJobState& state, const absl::Status& status,
                               const Moment& now) {
  if (status.ok()) {
    state.failures = 0;
    return;
  }
  state.retry_at = now.mono + RetryAfter(state.failures++);
  state.dirty = true;
  if (!absl::IsAborted(status)) {
    const v1::ObjectMeta& meta = state.job().metadata();
    spdlog::warn("daemonjob {}/{}: {}", meta.namespace_(), meta.name(), status.ToString());
  }
}

void ControllerLoop::KeepDaemonJob(DaemonJobState& state, const Moment& now, CommitBatch& batch) {
  const std::string& ns = state.job().metadata().namespace_();
  const auto find_node = [this](const std::string& node) { return FindNode(node); };
  state.Judge(now, find_node, [this](const auto& each) {
    for (const auto& [node, object] : nodes_) each(node);
  });
  std::optional<MonoTime> record_from;
  if (state.recorded_at) record_from = RecordFrom(state);
  const DaemonJobPlan plan =
      MakeJobPlan({state.job(), state.roster(), priority_classes_, random_,
                   [&](const std::string& name) { return loads_.Has(absl::StrCat(ns, "/", name)); },
                   find_node, options_.job_plan, now, record_from});
  state.wake_at = plan.wake_at;
  if (plan.more) state.dirty = true;
  ObjectTransaction transaction;
  const absl::Status carried = CarryJob(state, plan, now, transaction);
  if (!carried.ok()) return FinishJob(state, carried, now);
  // Whoever is next has to see what is taken on the nodes before the watch shows it.
  std::vector<std::string> created;
  for (const auto& step : transaction.steps()) {
    if (step.kind != ObjectTransaction::Step::Kind::kCreate || !step.object.has_pod()) continue;
    created.push_back(absl::StrCat(ns, "/", model::MetadataOf(step.object).name()));
    loads_.SetPod(created.back(), &step.object.pod());
  }
  const bool records = plan.records.has_value();
  batch.Add(std::move(transaction), [this, &state, now, records, created = std::move(created),
                                     creation = plan.creation](const absl::Status& status) {
    if (!status.ok()) {
      for (const std::string& key : created) loads_.SetPod(key, nullptr);
      return FinishJob(state, status, now);
    }
    if (records) state.recorded_at = now.mono;
    FinishJob(state, creation, now);
  });
}

absl::Status ControllerLoop::CarryJob(const DaemonJobState& state, const DaemonJobPlan& plan,
                                      const Moment& now, ObjectTransaction& transaction) {
  const v1::ObjectMeta& meta = state.job().metadata();
  if (plan.remove) {
    spdlog::info("daemonjob {}/{} ended long enough ago, it is removed", meta.namespace_(),
                 meta.name());
    transaction.Delete(state.object());
    return absl::OkStatus();
  }
  for (const RunStep& step : plan.steps) {
    MUSTER_RETURN_IF_ERROR(
        TakeRunStep(absl::StrCat(meta.namespace_(), "/", step.pod), step.kind, now, transaction));
  }
  for (const v1::Pod& planned : plan.create) {
    v1::Object pod;
    *pod.mutable_pod() = planned;
    objects_.Stamp(pod);
    const v1::Node* node = FindNode(TargetNode(planned.spec()));
    if (node != nullptr) BindNew(*node, now, pod, transaction);
    transaction.Create(std::move(pod));
  }
  // A status that says nothing new is not written: the write itself would bring the next look.
  if (std::optional<v1::DaemonJobStatus> status = NewStatus(plan, state.job().status())) {
    v1::Object updated = state.object();
    *updated.mutable_daemon_job()->mutable_status() = *std::move(status);
    transaction.Update(std::move(updated));
  }
  for (const PlannedEvent& event : plan.events) {
    recorder_.Add(state.object(), {event.warning, kSource, event.reason, event.message}, now.wall,
                  transaction);
  }
  return absl::OkStatus();
}

absl::Status ControllerLoop::TakeRunStep(const std::string& key, RunStep::Kind kind,
                                         const Moment& now, ObjectTransaction& transaction) {
  MUSTER_ASSIGN_OR_RETURN(v1::Object pod, ReadPod(key));
  v1::ObjectMeta& meta = model::MutableMetadataOf(pod);
  switch (kind) {
    case RunStep::Kind::kStop:
      StartRemoval(*pod.mutable_pod(), now.wall);
      break;
    case RunStep::Kind::kGiveUp:
      RemoveFinalizer(meta, model::kDaemonJobFinalizer);
      StartRemoval(*pod.mutable_pod(), now.wall);
      break;
    case RunStep::Kind::kRelease:
      RemoveFinalizer(meta, model::kDaemonJobFinalizer);
      break;
    case RunStep::Kind::kDrop:
      RemoveFinalizer(meta, model::kDaemonJobFinalizer);
      if (!meta.finalizers().empty()) StartRemoval(*pod.mutable_pod(), now.wall);
      break;
  }
  const bool is_over = kind == RunStep::Kind::kDrop ||
                       (kind == RunStep::Kind::kRelease && meta.has_deletion_timestamp());
  if (is_over && meta.finalizers().empty()) {
    transaction.Delete(std::move(pod));
  } else {
    transaction.Update(std::move(pod));
  }
  return absl::OkStatus();
}

void ControllerLoop::EndDaemonJob(DaemonJobState& state, const Moment& now, CommitBatch& batch) {
  const auto done = [this, &state, now](const absl::Status& status) {
    FinishJob(state, status, now);
  };
  const v1::ObjectMeta& meta = state.job().metadata();
  ObjectTransaction transaction;
  const bool orphan = HasFinalizer(meta, kOrphanFinalizer);
  if (orphan || HasFinalizer(meta, kForegroundFinalizer)) {
    for (const auto& [name, run] : state.runs()) {
      if (transaction.size() >= options_.plan.removals_max) break;
      const std::string key = absl::StrCat(meta.namespace_(), "/", name);
      // Its agent stops it.
      if (!orphan && run.terminating && !run.terminal() && run.bound && !run.tracked) continue;
      const absl::Status status =
          orphan ? LetGo(key, meta.uid(), transaction) : RemovePod(key, now, transaction);
      if (!status.ok()) return done(status);
    }
    // Pods that are being stopped show up here again when they are gone.
    if (!state.runs().empty()) return batch.Add(std::move(transaction), done);
  }
  v1::Object ended = state.object();
  RemoveFinalizer(model::MutableMetadataOf(ended), kOrphanFinalizer);
  RemoveFinalizer(model::MutableMetadataOf(ended), kForegroundFinalizer);
  if (model::MetadataOf(ended).finalizers().empty()) {
    transaction.Delete(state.object());
  } else if (model::MetadataOf(ended).finalizers_size() != meta.finalizers_size()) {
    transaction.Update(std::move(ended));
  }
  batch.Add(std::move(transaction), done);
}

absl::Status ControllerLoop::LetGo(const std::string& key, const std::string& owner_uid,
                                   ObjectTransaction& transaction) {
  MUSTER_ASSIGN_OR_RETURN(v1::Object released, ReadPod(key));
  v1::ObjectMeta& meta = model::MutableMetadataOf(released);
  Release(owner_uid, meta);
  RemoveFinalizer(meta, model::kDaemonJobFinalizer);
  transaction.Update(std::move(released));
  return absl::OkStatus();
}

}  // namespace muster::coordinator
