#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// Going back to what a DaemonSet was: the other side of revision_history.h. Pure.

// Those of `revisions` that belong to the DaemonSet, the lowest number first.
std::vector<const v1::ControllerRevision*> HistoryOf(
    const v1::DaemonSet& daemon_set, absl::Span<const v1::ControllerRevision* const> revisions);

// FailedPrecondition, in kubectl's words, when there is none with this number in the history.
absl::StatusOr<const v1::ControllerRevision*> RevisionNumbered(
    absl::Span<const v1::ControllerRevision* const> history, int64_t number);

// Puts the template of the revision back, and what was applied when it was current (see
// RestoreTemplate, RestoreLastApplied). DataLoss when the revision holds no template.
absl::Status RestoreRevision(const v1::ControllerRevision& revision, v1::DaemonSet& daemon_set);

struct Rollback {
  bool changed = false;  // False: the template is already that of the revision.
  // As RestoreRevision leaves it; nothing else changed.
  v1::DaemonSet daemon_set;
};

// What the DaemonSet is after a rollback to this revision; 0 means the one before the present.
// FailedPrecondition, in kubectl's words, when there is no such revision.
absl::StatusOr<Rollback> PlanRollback(const v1::DaemonSet& daemon_set,
                                      absl::Span<const v1::ControllerRevision* const> revisions,
                                      int64_t to_revision);

}  // namespace muster::coordinator
