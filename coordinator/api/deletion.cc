#include "coordinator/api/deletion.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/kinds.h"
#include "common/model/time_text.h"

namespace muster::coordinator {
namespace {

constexpr int64_t kDefaultPodGraceSeconds = 30;
constexpr char kForegroundDeletion[] = "foregroundDeletion";
constexpr char kOrphan[] = "orphan";

void AddFinalizer(v1::ObjectMeta& metadata, const std::string& finalizer) {
  const auto& finalizers = metadata.finalizers();
  if (std::find(finalizers.begin(), finalizers.end(), finalizer) == finalizers.end()) {
    metadata.add_finalizers(finalizer);
  }
}

Deletion Terminate(v1::Object object, int64_t grace_seconds, WallTime now) {
  v1::ObjectMeta& metadata = model::MutableMetadataOf(object);
  *metadata.mutable_deletion_timestamp() =
      model::ToTime(absl::FromChrono(now) + absl::Seconds(grace_seconds));
  metadata.set_deletion_grace_period_seconds(grace_seconds);
  if (object.has_daemon_set() || object.has_daemon_job()) {
    metadata.set_generation(metadata.generation() + 1);
  }
  return {.object = std::move(object)};
}

Deletion PlanPodDeletion(const v1::Object& object, std::optional<int64_t> asked, WallTime now) {
  const v1::Pod& pod = object.pod();
  int64_t grace = asked ? *asked
                  : pod.spec().has_termination_grace_period_seconds()
                      ? pod.spec().termination_grace_period_seconds()
                      : kDefaultPodGraceSeconds;
  const std::string& phase = pod.status().phase();
  const bool is_nobodys = pod.spec().node_name().empty();
  const bool is_finished = phase == "Succeeded" || phase == "Failed";
  if (is_nobodys || is_finished) grace = 0;
  if (grace == 0 && pod.metadata().finalizers().empty()) return {.remove = true, .object = object};
  if (pod.metadata().has_deletion_timestamp() &&
      grace >= pod.metadata().deletion_grace_period_seconds()) {
    return {.object = object, .unchanged = true};
  }
  return Terminate(object, grace, now);
}

bool IsBuiltIn(const std::string& name_space) {
  return name_space == "default" || name_space == "kube-system" || name_space == "kube-public";
}

}  // namespace

absl::StatusOr<Deletion> PlanDeletion(const v1::Object& object,
                                      admin::v1::DeleteRequest::Cascade cascade,
                                      std::optional<int64_t> grace_period_seconds, WallTime now) {
  if (grace_period_seconds && *grace_period_seconds < 0) {
    return absl::InvalidArgumentError("gracePeriodSeconds must be greater than or equal to 0");
  }
  const v1::ObjectMeta& metadata = model::MetadataOf(object);
  if (object.has_namespace_object() && IsBuiltIn(metadata.name())) {
    return absl::FailedPreconditionError(absl::StrCat("namespaces \"", metadata.name(),
                                                      "\" is forbidden: this namespace may not be "
                                                      "deleted"));
  }
  if (object.has_pod()) return PlanPodDeletion(object, grace_period_seconds, now);
  v1::Object updated = object;
  if ((object.has_daemon_set() || object.has_daemon_job()) &&
      cascade != admin::v1::DeleteRequest::BACKGROUND) {
    AddFinalizer(model::MutableMetadataOf(updated),
                 cascade == admin::v1::DeleteRequest::ORPHAN ? kOrphan : kForegroundDeletion);
  }
  if (model::MetadataOf(updated).finalizers().empty())
    return Deletion{.remove = true, .object = object};
  if (metadata.has_deletion_timestamp()) {
    const bool same = model::MetadataOf(updated).finalizers_size() == metadata.finalizers_size();
    return Deletion{.object = std::move(updated), .unchanged = same};
  }
  return Terminate(std::move(updated), 0, now);
}

}  // namespace muster::coordinator
