#include "coordinator/admission/validate_daemon_job.h"

#include "common/model/rollout_annotations.h"
#include "common/model/semantic_equal.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_pod_spec.h"

namespace muster::coordinator {
namespace {

// Its pods carry it in a label.
constexpr size_t kNameMax = 63;
constexpr std::string_view kMusterPrefix = "muster.dev/";

void CheckRestartPolicy(const FieldPath& path, const std::string& policy, Problems& problems) {
  if (policy == "OnFailure" || policy == "Never") return;
  if (policy == "Always") {
    // Also when the manifest says nothing: there is no default that could be meant.
    problems.Required(path, "valid values: \"OnFailure\", \"Never\"");
  }
  // Others have been named with the rest of the template.
}

}  // namespace

void ValidateDaemonJob(const v1::DaemonJob& job, Problems& problems) {
  const FieldPath path("spec");
  const v1::DaemonJobSpec& spec = job.spec();
  if (job.metadata().name().size() > kNameMax) {
    problems.InvalidText(FieldPath("metadata.name"), job.metadata().name(),
                         "must be no more than 63 characters");
  }
  const FieldPath pod_template = path.Child("template");
  ValidatePodTemplate(pod_template, spec.template_(), problems);
  const FieldPath pod = pod_template.Child("spec");
  CheckRestartPolicy(pod.Child("restartPolicy"), spec.template_().spec().restart_policy(),
                     problems);
  if (spec.template_().spec().has_active_deadline_seconds()) {
    problems.Forbidden(pod.Child("activeDeadlineSeconds"),
                       "activeDeadlineSeconds in DaemonJob is not supported");
  }
  CheckShareOfNodes(path.Child("parallelism"), spec.parallelism(), problems);
  CheckNotNegative(path.Child("backoffLimit"), spec.backoff_limit(), problems);
  CheckNotNegative(path.Child("ttlSecondsAfterFinished"), spec.ttl_seconds_after_finished(),
                   problems);
}

void ValidateDaemonJobUpdate(const v1::DaemonJob& updated, const v1::DaemonJob& stored,
                             Problems& problems) {
  if (model::SemanticallyEqual(updated.spec().template_(), stored.spec().template_())) return;
  problems.Invalid(FieldPath("spec.template"), JsonText(updated.spec().template_()),
                   "field is immutable");
}

void WarnAboutDaemonJob(const v1::DaemonJob& job, SupportReport& report) {
  for (const auto* annotation : SortedEntries(job.metadata().annotations())) {
    const std::string_view key = annotation->first;
    if (!key.starts_with(kMusterPrefix)) continue;
    const char* hint = key == model::kSuspendAnnotation ? "; use spec.suspend" : "";
    report.warnings.push_back({FieldPath("metadata.annotations").Key(key).text(),
                               std::string("has no effect on a DaemonJob") + hint});
  }
}

}  // namespace muster::coordinator
