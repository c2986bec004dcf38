#include "coordinator/admission/validate_rollout.h"

#include <chrono>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/model/int_or_string.h"
#include "coordinator/policy/rollout_policy.h"

namespace muster::coordinator {
namespace {

FieldPath PathOf(const std::string& key) { return FieldPath("metadata.annotations").Key(key); }

}  // namespace

void ValidateRolloutPolicy(const v1::DaemonSet& daemon_set, Problems& problems) {
  const model::LabelMap& annotations = daemon_set.metadata().annotations();
  const ParsedPolicy parsed = ParseRolloutPolicy(annotations);
  for (const PolicyProblem& problem : parsed.problems) {
    problems.InvalidText(PathOf(problem.key), problem.value, problem.detail);
  }
  // No node could ever be done in time.
  const std::chrono::seconds min_ready(daemon_set.spec().min_ready_seconds());
  if (parsed.policy.progress_deadline && *parsed.policy.progress_deadline <= min_ready) {
    problems.InvalidText(PathOf(kProgressDeadlineAnnotation),
                         annotations.at(kProgressDeadlineAnnotation),
                         absl::StrCat("must be longer than spec.minReadySeconds, which is ",
                                      min_ready.count(), "s"));
  }
}

void WarnAboutRolloutPolicy(const v1::DaemonSet& daemon_set, SupportReport& report) {
  const model::LabelMap& annotations = daemon_set.metadata().annotations();
  for (const UnknownAnnotation& unknown : FindUnknownAnnotations(annotations)) {
    const std::string hint =
        unknown.meant.empty() ? "" : absl::StrCat("; did you mean \"", unknown.meant, "\"?");
    report.warnings.push_back(
        {PathOf(unknown.key).text(), absl::StrCat("Muster knows no such annotation", hint)});
  }
  if (daemon_set.spec().update_strategy().type() != "OnDelete") {
    if (annotations.contains(kPrePullAnnotation) &&
        model::ScaledRoundingUp(daemon_set.spec().update_strategy().rolling_update().max_surge(),
                                100)
                .value_or(0) > 0) {
      report.warnings.push_back({PathOf(kPrePullAnnotation).text(),
                                 "has no effect with maxSurge: the old pod runs until the new one "
                                 "is available"});
    }
    return;
  }
  for (const char* key : {kProgressDeadlineAnnotation, kOnFailureAnnotation, kMaxFailedAnnotation,
                          kCanaryAnnotation, kPausedAnnotation, kPrePullAnnotation}) {
    if (!annotations.contains(key)) continue;
    report.warnings.push_back(
        {PathOf(key).text(), "has no effect with the update strategy OnDelete"});
  }
}

}  // namespace muster::coordinator
