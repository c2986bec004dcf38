#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/model/daemon_job.h"
#include "coordinator/daemonjob/job_survey.h"
#include "coordinator/daemonset/pod_facts.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {

// Builders for the small worlds of the tests of daemon jobs.

// One sequence for all plans, so that names are not drawn again and again.
inline RandomBits SharedSeeded(uint64_t seed) {
  return [engine = std::make_shared<std::mt19937_64>(seed)] { return (*engine)(); };
}

inline v1::DaemonJob JobNamed(const std::string& name, const std::string& policy = "Never") {
  v1::DaemonJob job;
  job.set_api_version("muster.dev/v1");
  job.set_kind("DaemonJob");
  v1::ObjectMeta& meta = *job.mutable_metadata();
  meta.set_name(name);
  meta.set_namespace_("default");
  meta.set_uid("uid-of-" + name);
  meta.set_generation(1);
  v1::DaemonJobSpec& spec = *job.mutable_spec();
  spec.mutable_parallelism()->set_string_value("100%");
  spec.set_backoff_limit(2);
  v1::PodSpec& pod = *spec.mutable_template_()->mutable_spec();
  pod.set_restart_policy(policy);
  pod.set_termination_grace_period_seconds(30);
  v1::Container& container = *pod.add_containers();
  container.set_name("main");
  container.set_image("image:1");
  return job;
}

inline void End(v1::Pod& pod, int32_t exit_code, WallTime when = kWall) {
  v1::PodStatus& status = *pod.mutable_status();
  status.set_phase(exit_code == 0 ? "Succeeded" : "Failed");
  v1::ContainerStatus& container = status.container_statuses().empty()
                                       ? *status.add_container_statuses()
                                       : *status.mutable_container_statuses(0);
  container.set_name("main");
  v1::ContainerStateTerminated& ended = *container.mutable_state()->mutable_terminated();
  ended.set_exit_code(exit_code);
  ended.set_reason(exit_code == 0 ? "Completed" : "Error");
  *ended.mutable_finished_at() = FromWallTime(when);
}

inline void Interrupt(v1::Pod& pod) {
  End(pod, 143);
  pod.mutable_status()->set_reason(model::kInterruptedReason);
}

// A whole world that a test fills, and plans in as often as it likes; Apply makes of it what the
// coordinator would.
struct JobScene {
  v1::DaemonJob job = JobNamed("once");
  std::vector<v1::Node> nodes;
  std::vector<v1::Pod> pods;
  PriorityClasses priority_classes;
  Moment now = kNow;
  RandomBits random = SharedSeeded(1);
  JobPlanLimits limits;

  void AddNodes(int count) {
    for (int i = 1; i <= count; ++i) nodes.push_back(NodeNamed("node-" + std::to_string(i)));
  }

  DaemonJobPlan Plan() const {
    JobWorld world{job, {}, {}, priority_classes, now, random, limits};
    for (const v1::Node& node : nodes) world.nodes.push_back(&node);
    for (const v1::Pod& pod : pods) world.pods.push_back(&pod);
    return PlanFrom(world, JobSurvey(world));
  }

  v1::Pod* FindPod(const std::string& name) {
    for (v1::Pod& pod : pods) {
      if (pod.metadata().name() == name) return &pod;
    }
    return nullptr;
  }
  // The pod on a node that has not ended; null when there is none.
  v1::Pod* LiveOn(const std::string& node) {
    for (v1::Pod& pod : pods) {
      if (TargetNode(pod.spec()) == node && !RunFactsOf(pod).terminal()) return &pod;
    }
    return nullptr;
  }
  v1::Node& NodeAt(const std::string& name) {
    return *std::find_if(nodes.begin(), nodes.end(),
                         [&](const v1::Node& node) { return node.metadata().name() == name; });
  }
  const v1::DaemonJobNode* Record(const std::string& node) const { return FindRecord(job, node); }

  void RemovePod(const std::string& name) {
    std::erase_if(pods, [&](const v1::Pod& pod) { return pod.metadata().name() == name; });
  }

  // Whoever may delete a pod: it goes at once when nobody has to stop it and nothing holds it.
  void MarkDeleted(v1::Pod& pod) {
    const RunFacts facts = RunFactsOf(pod);
    if ((facts.terminal() || !facts.bound) && !facts.tracked) return RemovePod(facts.name);
    if (!facts.terminating)
      *pod.mutable_metadata()->mutable_deletion_timestamp() = FromWallTime(now.wall);
  }

  void Take(const RunStep& step) {
    v1::Pod* pod = FindPod(step.pod);
    if (pod == nullptr) return;
    switch (step.kind) {
      case RunStep::Kind::kDrop:
        return RemovePod(step.pod);
      case RunStep::Kind::kStop:
        return MarkDeleted(*pod);
      case RunStep::Kind::kGiveUp:
        pod->mutable_metadata()->clear_finalizers();
        return MarkDeleted(*pod);
      case RunStep::Kind::kRelease:
        pod->mutable_metadata()->clear_finalizers();
        if (pod->metadata().has_deletion_timestamp()) RemovePod(step.pod);
        return;
    }
  }

  // All of the plan, as one transaction. New pods are bound where they belong.
  void Apply(const DaemonJobPlan& plan) {
    for (const RunStep& step : plan.steps) Take(step);
    for (v1::Pod pod : plan.create) {
      pod.mutable_metadata()->set_uid("uid-of-" + pod.metadata().name());
      *pod.mutable_metadata()->mutable_creation_timestamp() = FromWallTime(now.wall);
      pod.mutable_spec()->set_node_name(TargetNode(pod.spec()));
      pods.push_back(std::move(pod));
    }
    if (auto status = NewStatus(plan, job.status())) *job.mutable_status() = *std::move(status);
  }
  DaemonJobPlan Step() {
    DaemonJobPlan plan = Plan();
    Apply(plan);
    return plan;
  }
  // Until nothing is left to do at this moment.
  void Settle() {
    for (int i = 0; i < 100; ++i) {
      if (Step().settled()) return;
    }
  }
  void Pass(std::chrono::seconds time) {
    now.mono += time;
    now.wall += time;
  }
};

inline std::vector<std::string> Reasons(const std::vector<PlannedEvent>& events) {
  std::vector<std::string> reasons;
  for (const PlannedEvent& event : events) reasons.push_back(event.reason);
  return reasons;
}

// "True", "False" or "" of a condition, and its reason behind a blank.
inline std::string ConditionOf(const v1::DaemonJob& job, const std::string& type) {
  for (const v1::DaemonJobCondition& condition : job.status().conditions()) {
    if (condition.type() == type) return condition.status() + " " + condition.reason();
  }
  return "";
}

}  // namespace muster::coordinator
