#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "coordinator/daemonjob/job_plan.h"

namespace muster::coordinator {

// The whole world of one DaemonJob, for those who have it at hand.
struct JobWorld {
  const v1::DaemonJob& job;
  std::vector<const v1::Node*> nodes;
  std::vector<const v1::Pod*> pods;  // All of the namespace.
  const PriorityClasses& priority_classes;
  Moment now;
  RandomBits random;
  JobPlanLimits limits;
};

// What there is on the nodes of a DaemonJob, before anything is decided over all of them.
struct JobSurvey {
  explicit JobSurvey(const JobWorld& world);

  JobRules rules;
  std::map<std::string, std::vector<RunFacts>> runs;  // Its own only, by node.
  std::set<std::string> pod_names;                    // Of the namespace.
  std::map<std::string, const v1::Node*> nodes;  // Null: a run or a record names it, and it is not
                                                 // there.
  JobRoster roster;
};

// The same plan from scratch. Costs the size of the world; the controllers keep a JobRoster
// instead.
DaemonJobPlan PlanFrom(const JobWorld& world, const JobSurvey& survey);

}  // namespace muster::coordinator
