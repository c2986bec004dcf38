#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/daemonjob/job_survey.h"
#include "coordinator/daemonset/plan.h"

namespace muster::coordinator {

// What would become of one node once a DaemonSet is as it was surveyed. A plain value.
struct NodePreview {
  enum class Action : uint8_t { kNone, kKeep, kCreate, kReplace, kRemove };

  std::string node;
  Action action = Action::kNone;
  std::string pod;  // That is there now.
  std::string why;
  std::vector<std::string> gets;  // A line for each container of the pod that it would have.
};

// In the end, that is: when the rollout has been everywhere, at whatever pace. Nodes in order of
// name. The same judgement that the controller acts on. Pure.
std::vector<NodePreview> PreviewOf(const Survey& survey);

// How replacements go about: "RollingUpdate, maxUnavailable 1 of 3 nodes".
std::string PaceOf(const v1::DaemonSet& daemon_set, int32_t desired);

// The same of a DaemonJob: where it would run yet, and where it has.
std::vector<NodePreview> PreviewOf(const JobSurvey& survey, const v1::DaemonJob& job);
// "2 of 3 nodes at once".
std::string PaceOf(const v1::DaemonJob& job, int32_t desired);

std::string_view NameOf(NodePreview::Action action);

}  // namespace muster::coordinator
