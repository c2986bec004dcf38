#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/moment.h"
#include "common/base/random.h"
#include "coordinator/daemonjob/job_roster.h"
#include "coordinator/daemonset/planned_event.h"
#include "coordinator/placement/priority.h"
#include "muster/v1/daemon_job.pb.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What is to be done for a DaemonJob, all of it in one transaction. Lists are in node order.
struct DaemonJobPlan {
  // Whole pods but for uid and creationTimestamp, pinned to their node and not bound to it.
  std::vector<v1::Pod> create;
  std::vector<RunStep> steps;
  std::vector<PlannedEvent> events;           // Of what has happened once the rest is done.
  std::optional<v1::DaemonJobStatus> status;  // Without the records; nothing: leave it alone.
  using Records = google::protobuf::RepeatedPtrField<v1::DaemonJobNode>;
  std::optional<Records> records;  // Of all nodes, when some are new.
  bool remove = false;  // It ended long enough ago: the DaemonJob itself goes, with its pods.
  std::optional<MonoTime> wake_at;
  // There is more to do than one plan takes: plan again at once.
  bool more = false;
  // Why pods that are needed could not be made. They are missing in `create`.
  absl::Status creation;

  bool settled() const {
    return create.empty() && steps.empty() && !remove && creation.ok() && !more;
  }
};

struct JobPlanLimits {
  size_t creates_max = 250;
  size_t steps_max = 250;
};

// Everything a plan is made from, with the per-node work done before (see JudgeJobNode, JobRoster).
struct JobPlanInput {
  const v1::DaemonJob& job;
  const JobRoster& roster;
  const PriorityClasses& priority_classes;
  RandomBits random;
  std::function<bool(const std::string&)> pod_name_taken;
  // Null for a node that is not there.
  std::function<const v1::Node*(const std::string&)> find_node;
  JobPlanLimits limits;
  Moment now;
  // Results are written no sooner, since each write rewrites the record of all nodes.
  std::optional<MonoTime> record_from;
};

// One pass of the controller, as a pure function (but for the random names): runs that have ended
// are written down; runs that may not go on are stopped; then runs start on nodes in the order of
// their names, as far as `parallelism` allows. A run that waits for room on its node, or whose node
// cannot be reached any more, counts as running: the limit is a promise. A node that could not be
// reached before is not given a run, so it is in nobody's way.
//
// A DaemonJob that is going away gets nothing of it.
DaemonJobPlan MakeJobPlan(const JobPlanInput& input);

// The stored status with what the plan makes of it; nothing when it is that already.
std::optional<v1::DaemonJobStatus> NewStatus(const DaemonJobPlan& plan,
                                             const v1::DaemonJobStatus& stored);

// On how many of `desired` nodes it may run at once; a percentage is rounded up.
int32_t ParallelNodes(const v1::DaemonJob& job, int32_t desired);

v1::OwnerReference OwnerReferenceTo(const v1::DaemonJob& job);

// The stored record of a node; null when there is none.
const v1::DaemonJobNode* FindRecord(const v1::DaemonJob& job, const std::string& node);

}  // namespace muster::coordinator
