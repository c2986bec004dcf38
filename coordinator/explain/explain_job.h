#pragma once

#include <string>
#include <vector>

#include "coordinator/daemonjob/job_survey.h"
#include "coordinator/explain/explanation.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What `why` is answered from, of a DaemonJob: the world, what the planner found there and what it
// would do next.
struct JobExplainInput {
  const JobWorld& world;  // Its pods are those of every namespace: they take room on nodes.
  const JobSurvey& survey;
  const DaemonJobPlan& plan;
  std::vector<const v1::Event*> events;  // Of the DaemonJob's namespace.
};

// Why the DaemonJob has run, runs or does not run on the node. Pure.
Explanation ExplainJob(const JobExplainInput& input, const std::string& node);

}  // namespace muster::coordinator
