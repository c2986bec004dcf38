#include "coordinator/daemonjob/job_survey.h"

#include "coordinator/daemonset/ownership.h"

namespace muster::coordinator {

JobSurvey::JobSurvey(const JobWorld& world) : rules(world.job) {
  const v1::ObjectMeta& meta = world.job.metadata();
  for (const v1::Node* node : world.nodes) nodes[node->metadata().name()] = node;
  for (const v1::DaemonJobNode& record : world.job.status().nodes()) {
    nodes.try_emplace(record.node(), nullptr);
  }
  for (const v1::Pod* pod : world.pods) {
    if (pod->metadata().namespace_() != meta.namespace_()) continue;
    pod_names.insert(pod->metadata().name());
    const v1::OwnerReference* owner = ControllerOf(pod->metadata());
    if (owner == nullptr || owner->uid() != meta.uid()) continue;
    RunFacts facts = RunFactsOf(*pod);
    nodes.try_emplace(facts.node, nullptr);
    runs[facts.node].push_back(std::move(facts));
  }
  for (const auto& [name, node] : nodes) {
    std::vector<const RunFacts*> here;
    if (const auto found = runs.find(name); found != runs.end()) {
      for (const RunFacts& facts : found->second) here.push_back(&facts);
    }
    roster.Set(name, JudgeJobNode(rules, node, name, FindRecord(world.job, name), here, world.now));
  }
}

DaemonJobPlan PlanFrom(const JobWorld& world, const JobSurvey& survey) {
  return MakeJobPlan({world.job, survey.roster, world.priority_classes, world.random,
                      [&](const std::string& name) { return survey.pod_names.contains(name); },
                      [&](const std::string& name) -> const v1::Node* {
                        const auto found = survey.nodes.find(name);
                        return found == survey.nodes.end() ? nullptr : found->second;
                      },
                      world.limits, world.now, std::nullopt});
}

}  // namespace muster::coordinator
