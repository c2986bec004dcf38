#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/model/labels.h"
#include "common/model/rollout_annotations.h"
#include "muster/v1/meta.pb.h"

namespace muster::coordinator {

using model::kCanaryAnnotation;
using model::kMaxFailedAnnotation;
using model::kOnFailureAnnotation;
using model::kPausedAnnotation;
using model::kPrePullAnnotation;
using model::kProgressDeadlineAnnotation;
using model::kRolloutRequestAnnotation;
using model::kSuspendAnnotation;

// How the new pods of a guarded rollout are judged when the manifest does not say.
inline constexpr std::chrono::minutes kReadyWithinDefault{10};

// What these annotations ask for. A plain value.
struct RolloutPolicy {
  enum class OnFailure { kPause, kRollback };

  // Which nodes get a new revision first. Exactly one of the two is set.
  struct Canary {
    std::optional<model::LabelQuery> selector;  // Of node labels.
    std::optional<v1::IntOrString> count;
  };

  struct Request {
    enum class Verb { kPromote, kAbort, kResume };
    Verb verb = Verb::kPromote;
    std::string revision;
  };

  std::optional<Duration> progress_deadline;
  std::optional<OnFailure> on_failure;
  std::optional<v1::IntOrString> max_failed;
  std::optional<Canary> canary;
  std::optional<Request> request;
  bool paused = false;
  bool suspended = false;
  bool pre_pull = false;  // Images are on a node before its old pod is stopped.

  // New pods that fail are counted, and too many end the rollout.
  bool limits_failures() const { return on_failure.has_value() || max_failed.has_value(); }
  // The new revision goes only where the rollout takes it, step by step.
  bool is_guarded() const { return limits_failures() || canary.has_value(); }
  bool rolls_back() const { return on_failure == OnFailure::kRollback; }

  // How many failed nodes end a rollout over `desired` nodes; at least one, and one when only
  // on-failure is given. A percentage is rounded down.
  int64_t FailuresMax(int32_t desired) const;
  // How many nodes a canary by count has; at least one. A percentage is rounded up.
  int64_t CanaryNodes(int32_t desired) const;
  // How long a new pod has to become ready before it counts as failed; nothing: for ever.
  std::optional<Duration> ReadyWithin() const;
};

// A value that says nothing understandable. The annotation counts as absent.
struct PolicyProblem {
  std::string key;
  std::string value;
  std::string detail;  // What was expected.
};

struct ParsedPolicy {
  RolloutPolicy policy;
  std::vector<PolicyProblem> problems;  // In the order of the constants above.
};

// Pure; never fails as a whole.
ParsedPolicy ParseRolloutPolicy(const model::LabelMap& annotations);

// An annotation below muster.dev/ that nobody reads; `meant` is the one that was probably meant,
// or empty.
struct UnknownAnnotation {
  std::string key;
  std::string meant;
};
std::vector<UnknownAnnotation> FindUnknownAnnotations(const model::LabelMap& annotations);

}  // namespace muster::coordinator
