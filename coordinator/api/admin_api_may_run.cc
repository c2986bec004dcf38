// The part of AdminApi that knows what may run where, and what a call did.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {
namespace {

constexpr size_t kWarningsMax = 20;  // About the objects of one namespace.

}  // namespace

int64_t RevisionOrZero(const v1::Object& object) {
  const absl::StatusOr<int64_t> revision = RevisionOf(object);
  return revision.ok() ? *revision : 0;
}

void CallNotes::Add(const v1::Object& object, int64_t old_revision, int64_t new_revision) {
  const v1::ObjectMeta& metadata = model::MetadataOf(object);
  changes.push_back({std::string(model::InfoOf(object).plural), metadata.namespace_(),
                     metadata.name(), old_revision, new_revision});
}

absl::StatusOr<model::LabelMap> AdminApi::NamespaceLabels(const std::string& ns,
                                                          const Objects& beside) {
  model::LabelMap labels;
  const absl::StatusOr<v1::Object> stored = objects_.Get(v1::Object::kNamespaceObject, "", ns);
  if (stored.ok()) {
    labels = model::MetadataOf(*stored).labels();
  } else if (!absl::IsNotFound(stored.status())) {
    return stored.status();
  }
  // One that is applied in the same request counts with it.
  for (const v1::Object& object : beside) {
    if (!object.has_namespace_object() || model::MetadataOf(object).name() != ns) continue;
    for (const auto& [key, value] : model::MetadataOf(object).labels()) labels[key] = value;
  }
  return labels;
}

absl::StatusOr<RunVerdict> AdminApi::MayRun(const v1::Object& proposed, const v1::Object* stored,
                                            const Objects& beside) {
  const v1::ObjectMeta& metadata = model::MetadataOf(proposed);
  if (!proposed.has_namespace_object()) {
    if (!proposed.has_pod() && !proposed.has_daemon_set() && !proposed.has_daemon_job()) {
      return RunVerdict();
    }
    MUSTER_ASSIGN_OR_RETURN(const model::LabelMap labels,
                            NamespaceLabels(metadata.namespace_(), beside));
    return CheckMayRun(proposed, stored, labels, rules_);
  }
  RunVerdict verdict;
  verdict.problems = CheckPodSecurityLabels(metadata);
  const PodSecurityLevel enforce =
      PodSecurityLevelsOf(metadata.labels(), rules_.pod_security).enforce;
  const PodSecurityLevel before =
      stored == nullptr
          ? rules_.pod_security.enforce
          : PodSecurityLevelsOf(model::MetadataOf(*stored).labels(), rules_.pod_security).enforce;
  if (verdict.problems.empty() && enforce > before) {
    MUSTER_ASSIGN_OR_RETURN(verdict.warnings, RefusedFromNowOn(metadata.name(), enforce));
  }
  return verdict;
}

absl::StatusOr<std::vector<Warning>> AdminApi::RefusedFromNowOn(const std::string& ns,
                                                                PodSecurityLevel enforce) {
  std::vector<Warning> warnings;
  size_t more = 0;
  for (const model::Kind kind :
       {v1::Object::kDaemonSet, v1::Object::kDaemonJob, v1::Object::kPod}) {
    MUSTER_RETURN_IF_ERROR(
        objects_
            .Scan(
                {kind, ns},
                [&](const v1::Object& object) {
                  // What a controller made is told of with its template.
                  if (!model::MetadataOf(object).owner_references().empty()) return;
                  const std::string why = WouldBeRefused(object, enforce);
                  if (why.empty()) return;
                  if (warnings.size() >= kWarningsMax) {
                    ++more;
                    return;
                  }
                  warnings.push_back(
                      {"metadata.labels",
                       absl::StrCat(std::string(model::InfoOf(object).singular), "/",
                                    model::MetadataOf(object).name(),
                                    " stays as it is, and is refused when it is changed: ", why)});
                })
            .status());
  }
  if (more > 0) warnings.push_back({"metadata.labels", absl::StrCat("and ", more, " more")});
  return warnings;
}

}  // namespace muster::coordinator
