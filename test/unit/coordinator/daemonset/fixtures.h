#pragma once

#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "common/base/moment.h"
#include "common/base/random.h"
#include "coordinator/admission/admit.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/plan.h"
#include "coordinator/daemonset/pod_facts.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// Builders for the small worlds of the tests of daemon sets.

inline constexpr WallTime kWall{std::chrono::hours(24 * 365 * 50)};
inline constexpr Moment kNow{MonoTime(std::chrono::hours(1)), kWall};

inline RandomBits Seeded(uint64_t seed) {
  return [engine = std::mt19937_64(seed)]() mutable { return engine(); };
}

// One container, selector and label app=<name>, RollingUpdate with maxUnavailable 1.
inline v1::DaemonSet DaemonSetNamed(const std::string& name) {
  v1::DaemonSet daemon_set;
  daemon_set.set_api_version("apps/v1");
  daemon_set.set_kind("DaemonSet");
  v1::ObjectMeta& meta = *daemon_set.mutable_metadata();
  meta.set_name(name);
  meta.set_namespace_("default");
  meta.set_uid("uid-of-" + name);
  meta.set_generation(1);
  (*meta.mutable_annotations())[kTemplateGenerationAnnotation] = "1";
  v1::DaemonSetSpec& spec = *daemon_set.mutable_spec();
  (*spec.mutable_selector()->mutable_match_labels())["app"] = name;
  v1::PodTemplateSpec& pod_template = *spec.mutable_template_();
  (*pod_template.mutable_metadata()->mutable_labels())["app"] = name;
  v1::Container& container = *pod_template.mutable_spec()->add_containers();
  container.set_name("main");
  container.set_image("image:1");
  pod_template.mutable_spec()->set_termination_grace_period_seconds(30);
  spec.mutable_update_strategy()->set_type("RollingUpdate");
  v1::RollingUpdateDaemonSet& rolling = *spec.mutable_update_strategy()->mutable_rolling_update();
  rolling.mutable_max_unavailable()->set_int_value(1);
  rolling.mutable_max_surge()->set_int_value(0);
  return daemon_set;
}

// With room for 110 pods, 8 cpus and 16Gi.
inline v1::Node NodeNamed(const std::string& name) {
  v1::Node node;
  node.set_api_version("v1");
  node.set_kind("Node");
  node.mutable_metadata()->set_name(name);
  node.mutable_metadata()->set_uid("uid-of-" + name);
  auto& allocatable = *node.mutable_status()->mutable_allocatable();
  allocatable["pods"].set_text("110");
  allocatable["cpu"].set_text("8");
  allocatable["memory"].set_text("16Gi");
  return node;
}

inline void AddTaint(v1::Node& node, const std::string& key, const std::string& effect) {
  v1::Taint& taint = *node.mutable_spec()->add_taints();
  taint.set_key(key);
  taint.set_effect(effect);
}

inline void SetReady(v1::Pod& pod, bool ready, WallTime since = kWall) {
  pod.mutable_status()->set_phase("Running");
  pod.mutable_status()->clear_conditions();
  v1::PodCondition& condition = *pod.mutable_status()->add_conditions();
  condition.set_type("Ready");
  condition.set_status(ready ? "True" : "False");
  *condition.mutable_last_transition_time() = FromWallTime(since);
}

inline void Terminate(v1::Pod& pod) {
  *pod.mutable_metadata()->mutable_deletion_timestamp() = FromWallTime(kWall);
}

// A bound pod of the DaemonSet with this revision hash, Pending.
inline v1::Pod PodOn(const v1::DaemonSet& owner, const std::string& node, const std::string& hash,
                     const std::string& name) {
  v1::Pod pod = MakePod(*MakePodPattern(owner, hash, {}), name, node);
  pod.mutable_metadata()->set_uid("uid-of-" + name);
  *pod.mutable_metadata()->mutable_creation_timestamp() = FromWallTime(kWall);
  pod.mutable_spec()->set_node_name(node);
  return pod;
}

inline v1::Pod ReadyPodOn(const v1::DaemonSet& owner, const std::string& node,
                          const std::string& hash, const std::string& name) {
  v1::Pod pod = PodOn(owner, node, hash, name);
  SetReady(pod, true);
  return pod;
}

// A whole world that a test fills, and plans in as often as it likes.
struct Scene {
  v1::DaemonSet daemon_set = DaemonSetNamed("web");
  std::vector<v1::Node> nodes;
  std::vector<v1::Pod> pods;
  std::vector<v1::ControllerRevision> revisions;
  FailureBackoff backoff;
  PriorityClasses priority_classes;
  Moment now = kNow;
  RandomBits random = Seeded(1);
  PlanLimits limits;

  DaemonSetPlan Plan() const {
    World world{daemon_set, {}, {}, {}, backoff, priority_classes, now, random, limits};
    for (const v1::Node& each : nodes) world.nodes.push_back(&each);
    for (const v1::Pod& each : pods) world.pods.push_back(&each);
    for (const v1::ControllerRevision& each : revisions) world.revisions.push_back(&each);
    return Reconcile(world);
  }

  // The hash that new pods get.
  std::string Hash() const { return Plan().revisions.current_hash; }

  // Writes the revisions of the present template, so that only pods are left to plan.
  void SettleRevisions() {
    for (v1::ControllerRevision& each : Plan().revisions.create) {
      each.mutable_metadata()->set_uid("uid-of-" + each.metadata().name());
      revisions.push_back(std::move(each));
    }
  }
};

// The target nodes of pods to create, and the names of pods to remove, in the plan's order.
inline std::vector<std::string> NodesOf(const std::vector<v1::Pod>& pods) {
  std::vector<std::string> nodes;
  for (const v1::Pod& pod : pods) nodes.push_back(TargetNode(pod.spec()));
  return nodes;
}

inline std::vector<std::string> PodsOf(const std::vector<PlannedRemoval>& removals) {
  std::vector<std::string> pods;
  for (const PlannedRemoval& each : removals) pods.push_back(each.removal.pod);
  return pods;
}

}  // namespace muster::coordinator
