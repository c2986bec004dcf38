// How ControllerLoop carries out the plans of DaemonSets.

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/daemon/log_fields.h"
#include "common/model/daemon_job.h"
#include "common/model/kinds.h"
#include "common/model/semantic_equal.h"
#include "coordinator/admission/admit.h"
#include "coordinator/controllers/controller_loop.h"
#include "coordinator/controllers/retry_after.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/rollback.h"
#include "coordinator/nodes/pod_removal.h"
#include "coordinator/templates/effective.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr char kSource[] = "daemonset-controller";

bool PullsAhead(const v1::DaemonSet& daemon_set) {
  return daemon_set.metadata().annotations().contains(kPrePullAnnotation);
}

// The DaemonSet as the plan leaves it. A template that goes back is a change like any other: it is
// admitted, and counts in the generation. One that is not admissible any more stays away: what is
// left then is the halt that the status tells of.
v1::Object Updated(const v1::Object& object, const DaemonSetPlan& plan, const Moment& now) {
  v1::Object updated = object;
  if (plan.request_done) {
    updated.mutable_daemon_set()->mutable_metadata()->mutable_annotations()->erase(
        kRolloutRequestAnnotation);
  }
  if (plan.revision_back) {
    const absl::Status restored =
        RestoreRevision(*plan.revision_back, *updated.mutable_daemon_set());
    AdmitResult admitted = Admit(updated, &object, now.wall);
    if (restored.ok() && admitted.problems.empty()) {
      updated = std::move(admitted.object);
    } else {
      const v1::ObjectMeta& meta = object.daemon_set().metadata();
      const LogFields about(kLogDaemonSet, absl::StrCat(meta.namespace_(), "/", meta.name()));
      spdlog::error("daemonset {}: the revision to go back to is not valid: {}", meta.name(),
                    restored.ok() ? admitted.problems.front().Text() : restored.ToString());
      updated = object;
    }
  }
  if (plan.status) *updated.mutable_daemon_set()->mutable_status() = *plan.status;
  return updated;
}

}  // namespace

void ControllerLoop::KeepDaemonSets(const Moment& now) {
  const auto is_due = [&](const DaemonSetState& state) {
    if (state.retry_at && *state.retry_at > now.mono) return false;
    return state.dirty || (state.wake_at && *state.wake_at <= now.mono);
  };
  const auto is_ending = [](const DaemonSetState& state) {
    return state.daemon_set().metadata().has_deletion_timestamp();
  };
  // All are judged before any is planned, since they share what the fleet may pull at once.
  std::vector<std::pair<std::string, DaemonSetState*>> due;
  for (auto& [key, state] : daemon_sets_) {
    if (!is_due(state)) continue;
    state.dirty = false;
    if (!is_ending(state)) Judge(state, now);
    due.emplace_back(key, &state);
  }
  pulls_begun_ = 0;
  for (auto& [key, state] : daemon_sets_) {
    if (!state.waits_for_pulls || state.retry_at || is_ending(state)) continue;
    const std::pair<std::string, DaemonSetState*> waiting(key, &state);
    if (PullSlotsFor(state) == 0 || std::find(due.begin(), due.end(), waiting) != due.end()) {
      continue;
    }
    due.push_back(waiting);
  }
  // In turn: who pulled last comes after those who wait for the same place.
  std::sort(due.begin(), due.end());
  std::stable_partition(due.begin(), due.end(),
                        [this](const auto& each) { return each.first > last_to_pull_; });
  CommitBatch batch = NewBatch();
  for (const auto& [key, state] : due) {
    state->retry_at.reset();
    state->wake_at.reset();
    if (is_ending(*state)) {
      EndDaemonSet(*state, now, batch);
      continue;
    }
    const int64_t begun = pulls_begun_;
    KeepDaemonSet(*state, now, batch);
    if (pulls_begun_ > begun) last_to_pull_ = key;
  }
  batch.Flush();
  for (const auto& [key, state] : daemon_sets_) {
    if (state.wake_at) WakeAt(*state.wake_at);
    if (state.retry_at) WakeAt(*state.retry_at);
  }
}

int64_t ControllerLoop::PullSlotsFor(const DaemonSetState& asking) const {
  int64_t all = pulls_begun_;
  int64_t others = 0;
  for (const auto& [key, state] : daemon_sets_) {
    const auto pulls = static_cast<int64_t>(state.roster().pulls_under_way());
    all += pulls;
    if (&state != &asking && (pulls > 0 || state.waits_for_pulls)) ++others;
  }
  return PullSlots(options_.plan.pulls_max, all,
                   static_cast<int64_t>(asking.roster().pulls_under_way()), others);
}

void ControllerLoop::Finish(DaemonSetState& state, const absl::Status& status, const Moment& now) {
  if (status.ok()) {
    state.failures = 0;
    return;
  }
  state.retry_at = now.mono + RetryAfter(state.failures++);
  state.dirty = true;
  if (!absl::IsAborted(status)) {
    const v1::ObjectMeta& meta = state.daemon_set().metadata();
    const LogFields about(kLogDaemonSet, absl::StrCat(meta.namespace_(), "/", meta.name()));
    spdlog::warn("daemonset {}/{}: {}", meta.namespace_(), meta.name(), status.ToString());
  }
}

void ControllerLoop::Judge(DaemonSetState& state, const Moment& now) {
  state.SetConfigDigest(
      state.config_keys().empty() ? "" : ConfigDigest(state.config_keys(), config_digests_));
  std::vector<const v1::ControllerRevision*> revisions;
  if (state.needs_revisions()) {
    const std::string prefix = absl::StrCat(state.daemon_set().metadata().namespace_(), "/");
    for (auto it = revisions_.lower_bound(prefix);
         it != revisions_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
      revisions.push_back(&it->second.controller_revision());
    }
  }
  state.Judge(
      revisions, now, [this](const std::string& node) { return FindNode(node); },
      [this](const auto& each) {
        for (const auto& [node, object] : nodes_) each(node);
      });
}

void ControllerLoop::KeepDaemonSet(DaemonSetState& state, const Moment& now, CommitBatch& batch) {
  const std::string& ns = state.daemon_set().metadata().namespace_();
  const std::vector<std::string> adopt = state.adopt();
  const std::vector<std::string> release = state.release();
  const DaemonSetPlan plan = MakePlan(
      {state.effective(), state.roster(), state.revisions(), adopt, release, priority_classes_,
       random_, [&](const std::string& name) { return loads_.Has(absl::StrCat(ns, "/", name)); },
       options_.plan, now,
       [&](const std::string& hash) { return FindRevision(state.daemon_set(), hash); },
       [this](const std::string& node) { return FindNode(node); },
       PullsAhead(state.daemon_set()) ? PullSlotsFor(state) : 0});
  state.waits_for_pulls = plan.pulls_wait;
  for (const PlannedPull& pull : plan.pull) {
    if (pull.step != PlannedPull::Step::kNotice) ++pulls_begun_;
  }
  for (const std::string& note : plan.notes) spdlog::debug("{}", note);
  state.wake_at = plan.wake_at;
  if (const std::optional<MonoTime> stale = state.roster().next_wake();
      stale && (!state.wake_at || *stale < *state.wake_at)) {
    state.wake_at = stale;
  }
  if (plan.more) state.dirty = true;
  ObjectTransaction transaction;
  const absl::Status carried = Carry(state, plan, now, transaction);
  if (!carried.ok()) return Finish(state, carried, now);
  // The next DaemonSet has to see what is taken on the nodes before the watch shows it.
  std::vector<std::string> created;
  for (const auto& step : transaction.steps()) {
    if (step.kind != ObjectTransaction::Step::Kind::kCreate || !step.object.has_pod()) continue;
    created.push_back(absl::StrCat(ns, "/", model::MetadataOf(step.object).name()));
    loads_.SetPod(created.back(), &step.object.pod());
  }
  batch.Add(std::move(transaction),
            [this, &state, now, created = std::move(created), removes = !plan.remove.empty(),
             failed_on = plan.failed_on, creation = plan.creation](const absl::Status& status) {
              if (!status.ok()) {
                for (const std::string& key : created) loads_.SetPod(key, nullptr);
                // A conflict is nobody's failure: the next look is at what has changed.
                const std::string why(status.message());
                const bool conflict = absl::IsAborted(status) || absl::IsNotFound(status) ||
                                      absl::IsAlreadyExists(status);
                if (!conflict && removes)
                  state.owed_events["FailedDelete"] = "Error deleting: " + why;
                if (!conflict && !created.empty()) {
                  state.owed_events["FailedCreate"] = "Error creating: " + why;
                }
                return Finish(state, status, now);
              }
              state.owed_events.clear();
              for (const std::string& node : failed_on) {
                state.backoff().Advance(node, now.mono);
                state.TouchNode(node);
              }
              Finish(state, creation, now);
            });
}

absl::Status ControllerLoop::Carry(const DaemonSetState& state, const DaemonSetPlan& plan,
                                   const Moment& now, ObjectTransaction& transaction) {
  AddRevisions(state, plan.revisions, transaction);
  MUSTER_RETURN_IF_ERROR(AddPodChanges(state, plan, now, transaction));
  AddNewPods(state, plan, now, transaction);
  // A status that says nothing new is not written: the write itself would bring the next look.
  if (plan.revision_back || plan.request_done ||
      (plan.status && !model::SemanticallyEqual(*plan.status, state.daemon_set().status()))) {
    transaction.Update(Updated(state.object(), plan, now));
  }
  for (const auto& [reason, message] : state.owed_events) {
    recorder_.Add(state.object(), {true, kSource, reason, message}, now.wall, transaction);
  }
  for (const PlannedEvent& event : plan.events) {
    recorder_.Add(state.object(), {event.warning, kSource, event.reason, event.message}, now.wall,
                  transaction);
  }
  return absl::OkStatus();
}

const v1::ControllerRevision* ControllerLoop::FindRevision(const v1::DaemonSet& daemon_set,
                                                           const std::string& hash) const {
  const std::string prefix = absl::StrCat(daemon_set.metadata().namespace_(), "/");
  for (auto it = revisions_.lower_bound(prefix);
       it != revisions_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    const v1::ControllerRevision& revision = it->second.controller_revision();
    const v1::OwnerReference* owner = ControllerOf(revision.metadata());
    if (owner != nullptr && owner->uid() == daemon_set.metadata().uid() &&
        HashOf(revision) == hash) {
      return &revision;
    }
  }
  return nullptr;
}

void ControllerLoop::AddRevisions(const DaemonSetState& state, const RevisionPlan& plan,
                                  ObjectTransaction& transaction) {
  const std::string& ns = state.daemon_set().metadata().namespace_();
  for (const v1::ControllerRevision& revision : plan.create) {
    v1::Object object;
    *object.mutable_controller_revision() = revision;
    transaction.Create(std::move(object));
  }
  for (const v1::ControllerRevision& revision : plan.update) {
    v1::Object object;
    *object.mutable_controller_revision() = revision;
    transaction.Update(std::move(object));
  }
  for (const std::string& name : plan.remove) {
    const auto found = revisions_.find(absl::StrCat(ns, "/", name));
    if (found != revisions_.end()) transaction.Delete(found->second);
  }
}

absl::Status ControllerLoop::AddPodChanges(const DaemonSetState& state, const DaemonSetPlan& plan,
                                           const Moment& now, ObjectTransaction& transaction) {
  const std::string& ns = state.daemon_set().metadata().namespace_();
  // One change each, however many reasons a pod has to be changed.
  std::map<std::string, v1::Object> changed;
  const auto change_pod = [&](const std::string& name) -> absl::StatusOr<v1::Pod*> {
    const std::string key = absl::StrCat(ns, "/", name);
    auto known = changed.find(key);
    if (known == changed.end()) {
      MUSTER_ASSIGN_OR_RETURN(v1::Object pod, ReadPod(key));
      known = changed.emplace(key, std::move(pod)).first;
    }
    return known->second.mutable_pod();
  };
  const auto change = [&](const std::string& name) -> absl::StatusOr<v1::ObjectMeta*> {
    MUSTER_ASSIGN_OR_RETURN(v1::Pod* const pod, change_pod(name));
    return pod->mutable_metadata();
  };
  for (const std::string& name : plan.adopt) {
    MUSTER_ASSIGN_OR_RETURN(v1::ObjectMeta* const meta, change(name));
    Adopt(state.daemon_set(), *meta);
  }
  for (const std::string& name : plan.release) {
    MUSTER_ASSIGN_OR_RETURN(v1::ObjectMeta* const meta, change(name));
    Release(state.daemon_set().metadata().uid(), *meta);
  }
  if (!plan.revisions.relabel.empty()) {
    for (const PodFacts* pod : state.Owned()) {
      const auto renamed = plan.revisions.relabel.find(pod->hash);
      if (renamed == plan.revisions.relabel.end()) continue;
      MUSTER_ASSIGN_OR_RETURN(v1::ObjectMeta* const meta, change(pod->name));
      (*meta->mutable_labels())[kRevisionHashLabel] = renamed->second;
    }
  }
  for (const PlannedPull& pull : plan.pull) {
    MUSTER_ASSIGN_OR_RETURN(v1::Pod* const pod, change_pod(pull.pod));
    ApplyPull(pull, now.wall, *pod);
  }
  for (const PlannedRemoval& removal : plan.remove) {
    const std::string key = absl::StrCat(ns, "/", removal.removal.pod);
    changed.erase(key);
    MUSTER_RETURN_IF_ERROR(RemovePod(key, now, transaction));
  }
  for (auto& [key, object] : changed) transaction.Update(std::move(object));
  return absl::OkStatus();
}

void ControllerLoop::AddNewPods(const DaemonSetState& state, const DaemonSetPlan& plan,
                                const Moment& now, ObjectTransaction& transaction) {
  for (const v1::Pod& planned : plan.create) {
    v1::Object pod;
    *pod.mutable_pod() = planned;
    objects_.Stamp(pod);
    const v1::Node* node = FindNode(PodFactsOf(planned).node);
    if (node != nullptr) BindNew(*node, now, pod, transaction);
    transaction.Create(std::move(pod));
  }
}

absl::Status ControllerLoop::RemovePod(const std::string& key, const Moment& now,
                                       ObjectTransaction& transaction) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Object pod, ReadPod(key));
  v1::Object marked = pod;
  // Whoever removes a pod wants no result of it any more.
  const int held = pod.pod().metadata().finalizers_size();
  RemoveFinalizer(model::MutableMetadataOf(marked), model::kDaemonJobFinalizer);
  switch (StartRemoval(*marked.mutable_pod(), now.wall)) {
    case RemovalStep::kNone:
      if (marked.pod().metadata().finalizers_size() < held) transaction.Update(std::move(marked));
      break;
    case RemovalStep::kMark:
      transaction.Update(std::move(marked));
      break;
    case RemovalStep::kRemove:
      transaction.Delete(pod);
      break;
  }
  return absl::OkStatus();
}

absl::Status ControllerLoop::EndDependents(const DaemonSetState& state, const Moment& now,
                                           ObjectTransaction& transaction, bool& ret_none_left) {
  const v1::ObjectMeta& meta = state.daemon_set().metadata();
  const bool orphan = HasFinalizer(meta, kOrphanFinalizer);
  const std::vector<const PodFacts*> pods = state.Owned();
  const std::vector<const v1::Object*> revisions = RevisionsOf(meta.namespace_(), meta.uid());
  ret_none_left = pods.empty() && revisions.empty();
  for (const PodFacts* pod : pods) {
    if (transaction.size() >= options_.plan.removals_max) break;
    const std::string key = absl::StrCat(meta.namespace_(), "/", pod->name);
    if (orphan) {
      MUSTER_ASSIGN_OR_RETURN(v1::Object released, ReadPod(key));
      Release(meta.uid(), model::MutableMetadataOf(released));
      transaction.Update(std::move(released));
    } else if (!pod->terminating || pod->terminal()) {
      MUSTER_RETURN_IF_ERROR(RemovePod(key, now, transaction));
    }
  }
  for (const v1::Object* revision : revisions) {
    if (!orphan) {
      transaction.Delete(*revision);
      continue;
    }
    v1::Object released = *revision;
    Release(meta.uid(), model::MutableMetadataOf(released));
    transaction.Update(std::move(released));
  }
  return absl::OkStatus();
}

void ControllerLoop::EndDaemonSet(DaemonSetState& state, const Moment& now, CommitBatch& batch) {
  const auto done = [this, &state, now](const absl::Status& status) { Finish(state, status, now); };
  const v1::ObjectMeta& meta = state.daemon_set().metadata();
  ObjectTransaction transaction;
  if (HasFinalizer(meta, kOrphanFinalizer) || HasFinalizer(meta, kForegroundFinalizer)) {
    bool none_left = false;
    const absl::Status status = EndDependents(state, now, transaction, none_left);
    if (!status.ok()) return done(status);
    // Pods that are being stopped show up here again when they are gone.
    if (!none_left) return batch.Add(std::move(transaction), done);
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

}  // namespace muster::coordinator
