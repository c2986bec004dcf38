#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/object_query.h"
#include "coordinator/api/retry.h"
#include "coordinator/daemonset/revision_history.h"
#include "coordinator/daemonset/rollback.h"
#include "coordinator/table/describe_sections.h"
#include "coordinator/table/tab_text.h"

namespace muster::coordinator {
namespace {

constexpr char kChangeCause[] = "kubernetes.io/change-cause";

absl::StatusOr<ObjectName> DaemonSetNamed(const admin::v1::ObjectRef& ref) {
  MUSTER_ASSIGN_OR_RETURN(ObjectName name, ObjectName::Parse(ref));
  if (name.info->kind == v1::Object::kDaemonSet) return name;
  return absl::InvalidArgumentError(
      absl::StrCat(std::string(name.info->plural), " have no rollouts; name a DaemonSet"));
}

std::string CauseOf(const v1::ControllerRevision& revision) {
  const auto& annotations = revision.metadata().annotations();
  const auto found = annotations.find(kChangeCause);
  return found == annotations.end() || found->second.empty() ? "<none>" : found->second;
}

std::string OverviewText(const std::vector<const v1::ControllerRevision*>& history) {
  std::string text = "REVISION\tCHANGE-CAUSE\n";
  for (const v1::ControllerRevision* revision : history) {
    absl::StrAppend(&text, revision->revision(), "\t", CauseOf(*revision), "\n");
  }
  return AlignTabs(text);
}

}  // namespace

absl::StatusOr<AdminApi::Rollouts> AdminApi::ReadRollouts(const admin::v1::ObjectRef& ref) {
  MUSTER_ASSIGN_OR_RETURN(const ObjectName name, DaemonSetNamed(ref));
  Rollouts rollouts;
  MUSTER_ASSIGN_OR_RETURN(rollouts.daemon_set, objects_.Get(name.info->kind, name.ns, name.name));
  MUSTER_ASSIGN_OR_RETURN(rollouts.list, objects_.List({v1::Object::kControllerRevision, name.ns}));
  for (const v1::Object& object : rollouts.list.items) {
    rollouts.revisions.push_back(&object.controller_revision());
  }
  return rollouts;
}

absl::StatusOr<admin::v1::RolloutHistoryResponse> AdminApi::RolloutHistory(
    const admin::v1::RolloutHistoryRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(const Rollouts rollouts, ReadRollouts(request.ref()));
  const std::string name = model::QualifiedName(rollouts.daemon_set);
  const std::vector<const v1::ControllerRevision*> history =
      HistoryOf(rollouts.daemon_set.daemon_set(), rollouts.revisions);
  admin::v1::RolloutHistoryResponse response;
  if (request.revision() == 0) {
    response.set_text(absl::StrCat(name, " \n", OverviewText(history), "\n"));
    return response;
  }
  const auto revision = RevisionNumbered(history, request.revision());
  if (!revision.ok()) return absl::FailedPreconditionError("unable to find the specified revision");
  MUSTER_ASSIGN_OR_RETURN(const v1::PodTemplateSpec pod_template, TemplateOf(**revision));
  std::string text;
  DescribePodTemplate(pod_template, text);
  response.set_text(
      absl::StrCat(name, " with revision #", request.revision(), "\n", AlignTabs(text)));
  return response;
}

absl::StatusOr<admin::v1::RolloutUndoResponse> AdminApi::RolloutUndo(
    const admin::v1::RolloutUndoRequest& request, CallNotes* notes) {
  CallNotes unwanted;
  if (notes == nullptr) notes = &unwanted;
  if (request.to_revision() < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("to_revision: expected a number from 0, found ", request.to_revision()));
  }
  return WithRetries([&]() -> absl::StatusOr<admin::v1::RolloutUndoResponse> {
    MUSTER_ASSIGN_OR_RETURN(Rollouts rollouts, ReadRollouts(request.ref()));
    MUSTER_ASSIGN_OR_RETURN(
        Rollback rollback,
        PlanRollback(rollouts.daemon_set.daemon_set(), rollouts.revisions, request.to_revision()));
    admin::v1::RolloutUndoResponse response;
    response.set_changed(rollback.changed);
    *response.mutable_object() = std::move(rollouts.daemon_set);
    if (!rollback.changed) return response;
    admin::v1::UpdateRequest update;
    update.set_dry_run(request.dry_run());
    *update.mutable_object()->mutable_daemon_set() = std::move(rollback.daemon_set);
    MUSTER_ASSIGN_OR_RETURN(admin::v1::UpdateResponse updated, TryUpdate(update, *notes));
    *response.mutable_object() = std::move(*updated.mutable_object());
    return response;
  });
}

}  // namespace muster::coordinator
