#include "coordinator/daemonset/rollback.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/manifest/decode.h"
#include "common/manifest/json_writer.h"
#include "common/manifest/reader.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/revision_history.h"

namespace muster::coordinator {

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

absl::StatusOr<v1::PodTemplateSpec> TemplateOf(const v1::ControllerRevision& revision) {
  const manifest::ReadResult read = manifest::ReadJson(revision.data().json(), {});
  const manifest::Value* value = nullptr;
  if (read.problems.empty() && read.documents.size() == 1) value = read.documents[0].Find("spec");
  if (value != nullptr) value = value->Find("template");
  v1::PodTemplateSpec pod_template;
  // "$patch" beside the fields says how Kubernetes merges it.
  if (value == nullptr ||
      !manifest::DecodeJson(manifest::WriteJson(*value, manifest::JsonForm::kCompact), pod_template,
                            manifest::UnknownFields::kIgnore)
           .ok()) {
    return absl::DataLossError(absl::StrCat("revision ", revision.revision(), " (",
                                            revision.metadata().name(),
                                            ") does not hold a pod template"));
  }
  return pod_template;
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
  if (RevisionData(daemon_set.spec().template_()) == target->data().json()) return rollback;
  MUSTER_ASSIGN_OR_RETURN(*rollback.daemon_set.mutable_spec()->mutable_template_(),
                          TemplateOf(*target));
  rollback.changed = true;
  return rollback;
}

}  // namespace muster::coordinator
