#include "coordinator/daemonset/rollback.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "coordinator/admission/three_way.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/templates/effective.h"

namespace muster::coordinator {
namespace {

std::string EffectiveData(const v1::DaemonSet& daemon_set) {
  return RevisionData(EffectiveDaemonSet(daemon_set, "").spec().template_());
}

}  // namespace

std::vector<const v1::ControllerRevision*> HistoryOf(
    const v1::DaemonSet& daemon_set, absl::Span<const v1::ControllerRevision* const> revisions) {
  std::vector<const v1::ControllerRevision*> history;
  for (const v1::ControllerRevision* revision : revisions) {
    const v1::OwnerReference* owner = ControllerOf(revision->metadata());
    if (owner != nullptr && owner->uid() == daemon_set.metadata().uid()) {
      history.push_back(revision);
    }
  }
  std::stable_sort(history.begin(), history.end(),
                   [](const auto* a, const auto* b) { return a->revision() < b->revision(); });
  return history;
}

absl::StatusOr<const v1::ControllerRevision*> RevisionNumbered(
    absl::Span<const v1::ControllerRevision* const> history, int64_t number) {
  for (const v1::ControllerRevision* revision : history) {
    if (revision->revision() == number) return revision;
  }
  return absl::FailedPreconditionError(
      absl::StrCat("unable to find specified revision ", number, " in history"));
}

absl::Status RestoreRevision(const v1::ControllerRevision& revision, v1::DaemonSet& daemon_set) {
  MUSTER_ASSIGN_OR_RETURN(const v1::PodTemplateSpec of_revision, TemplateOf(revision));
  RestoreTemplate(of_revision, daemon_set);
  RestoreLastApplied(revision.metadata(), daemon_set);
  return absl::OkStatus();
}

absl::StatusOr<Rollback> PlanRollback(const v1::DaemonSet& daemon_set,
                                      absl::Span<const v1::ControllerRevision* const> revisions,
                                      int64_t to_revision) {
  const std::vector<const v1::ControllerRevision*> history = HistoryOf(daemon_set, revisions);
  const v1::ControllerRevision* target = nullptr;
  if (to_revision == 0) {
    if (history.size() < 2)
      return absl::FailedPreconditionError("no last revision to roll back to");
    target = history[history.size() - 2];
  } else {
    MUSTER_ASSIGN_OR_RETURN(target, RevisionNumbered(history, to_revision));
  }
  Rollback rollback;
  rollback.daemon_set = daemon_set;
  MUSTER_RETURN_IF_ERROR(RestoreRevision(*target, rollback.daemon_set));
  // What configuration held then does not come back, so it makes no difference.
  rollback.changed = EffectiveData(rollback.daemon_set) != EffectiveData(daemon_set);
  return rollback;
}

}  // namespace muster::coordinator
