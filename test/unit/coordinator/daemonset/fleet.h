#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/model/semantic_equal.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {

// What becomes of a pod that its node starts.
enum class Fate {
  kHealthy,
  kSlow,         // Ready, but late.
  kCrashes,      // Never ready, its container ends again and again.
  kOutOfMemory,  // Ends once for memory, is ready after that.
  kNeverReady,
  kKillsNode,  // The node goes silent.
  kFails,      // The node refuses it.
  kShutDown,   // The node goes down, and takes it along.
};

// A fleet of nodes that carries out plans: a Scene that lives. One Step is one look of the
// controller, which knows nothing but the stored objects, and one second on all nodes.
class Fleet {
 public:
  using FateOf = std::function<Fate(const std::string& node, const std::string& image)>;

  explicit Fleet(int nodes) {
    for (int i = 1; i <= nodes; ++i) AddNode(NodeName(i));
  }

  static std::string NodeName(int number) {
    return (number < 10 ? "node-0" : "node-") + std::to_string(number);
  }

  void AddNode(const std::string& name) { scene.nodes.push_back(NodeNamed(name)); }
  v1::Node& Node(const std::string& name) {
    for (v1::Node& node : scene.nodes) {
      if (node.metadata().name() == name) return node;
    }
    ADD_FAILURE() << "no node " << name;
    return scene.nodes.front();
  }

  bool IsLost(const std::string& name) const { return lost_.contains(name); }
  void Lose(const std::string& name) {
    if (!lost_.insert(name).second) return;
    AddTaint(Node(name), "node.kubernetes.io/unreachable", "NoSchedule");
    AddTaint(Node(name), "node.kubernetes.io/unreachable", "NoExecute");
    for (v1::Pod& pod : scene.pods) {
      if (pod.spec().node_name() != name) continue;
      for (v1::PodCondition& condition : *pod.mutable_status()->mutable_conditions()) {
        if (condition.type() != "Ready" || condition.status() != "True") continue;
        condition.set_status("False");
        condition.set_reason(kNodeNotReadyReason);
        *condition.mutable_last_transition_time() = FromWallTime(scene.now.wall);
      }
    }
  }
  void Return(const std::string& name) {
    lost_.erase(name);
    Node(name).mutable_spec()->clear_taints();
  }

  void Annotate(const std::string& key, const std::string& value) {
    (*scene.daemon_set.mutable_metadata()->mutable_annotations())["muster.dev/" + key] = value;
  }
  void Unannotate(const std::string& key) {
    scene.daemon_set.mutable_metadata()->mutable_annotations()->erase("muster.dev/" + key);
  }
  // As `musterctl rollout promote` and the like do.
  void Request(const std::string& verb) {
    Annotate("rollout-request", verb + " " + rollout().revision());
  }
  v1::RollingUpdateDaemonSet& Rolling() {
    return *scene.daemon_set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
  }

  // Puts another image in the template.
  void Release(const std::string& image) {
    v1::PodTemplateSpec changed = scene.daemon_set.spec().template_();
    changed.mutable_spec()->mutable_containers(0)->set_image(image);
    SetTemplate(changed);
  }
  std::string Image() const {
    return scene.daemon_set.spec().template_().spec().containers(0).image();
  }
  const v1::DaemonSetStatus& status() const { return scene.daemon_set.status(); }
  const v1::DaemonSetRollout& rollout() const { return status().rollout(); }
  const v1::DaemonSetCondition& Condition(const std::string& type) const {
    for (const v1::DaemonSetCondition& each : status().conditions()) {
      if (each.type() == type) return each;
    }
    static const v1::DaemonSetCondition none;
    return none;
  }

  // Nodes by what they run, without pods that go.
  std::vector<std::string> NodesWith(const std::string& image) const {
    std::vector<std::string> nodes;
    for (const v1::Pod& pod : scene.pods) {
      if (pod.metadata().has_deletion_timestamp()) continue;
      if (pod.spec().containers(0).image() == image) nodes.push_back(TargetNode(pod.spec()));
    }
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  }

  // The reasons of all events so far that are not about single pods.
  std::vector<std::string> Told() const {
    std::vector<std::string> reasons;
    for (const PlannedEvent& event : events) {
      if (!event.reason.ends_with("Create") && !event.reason.ends_with("Delete") &&
          !event.reason.ends_with("DaemonPod")) {
        reasons.push_back(event.reason);
      }
    }
    return reasons;
  }

  // Decides and writes. True when there was anything to write.
  bool Look() {
    scene.random = Seeded(++looks_);  // A scene draws the same names again and again.
    const DaemonSetPlan plan = scene.Plan();
    const bool changed =
        !plan.settled() ||
        (plan.status && !model::SemanticallyEqual(*plan.status, scene.daemon_set.status()));
    Apply(plan);
    return changed;
  }
  void Live() {
    std::vector<v1::Pod> stay;
    std::set<std::string> killed;
    for (v1::Pod& pod : scene.pods) {
      if (lost_.contains(pod.spec().node_name()) || !Advance(pod, killed)) {
        stay.push_back(std::move(pod));
      }
    }
    scene.pods = std::move(stay);
    for (const std::string& node : killed) Lose(node);
    Wait(std::chrono::seconds(1));
  }
  void Step() {
    Look();
    Live();
  }
  void Steps(int count) {
    for (int i = 0; i < count; ++i) Step();
  }
  void Wait(std::chrono::seconds time) {
    scene.now.mono += time;
    scene.now.wall += time;
  }
  // Until nothing has been written for a few seconds; false when there is no end to it.
  bool Settle(int steps_max = 500) {
    int quiet = 0;
    for (int i = 0; i < steps_max && quiet < 5; ++i) {
      quiet = Look() ? 0 : quiet + 1;
      Live();
    }
    return quiet >= 5;
  }

  Scene scene;
  FateOf fate = [](const std::string&, const std::string&) { return Fate::kHealthy; };
  // What comes of an attempt to pull images ahead: nothing when it works, else the error.
  static constexpr char kPending[] = "not yet";
  std::function<std::string(const std::string& node, int attempt)> pull =
      [](const std::string&, int) { return std::string(); };
  std::vector<PlannedEvent> events;
  std::function<void(const DaemonSetPlan&)> on_plan;  // Sees every plan before it is carried out.

 private:
  void SetTemplate(const v1::PodTemplateSpec& pod_template) {
    *scene.daemon_set.mutable_spec()->mutable_template_() = pod_template;
    v1::ObjectMeta& meta = *scene.daemon_set.mutable_metadata();
    meta.set_generation(meta.generation() + 1);
    scene.backoff.SetGeneration(meta.generation());
  }

  void Apply(const DaemonSetPlan& plan) {
    if (on_plan) on_plan(plan);
    EXPECT_TRUE(plan.creation.ok()) << plan.creation.ToString();
    EXPECT_TRUE(plan.revisions.relabel.empty());
    ApplyRevisions(plan.revisions);
    if (plan.revision_back) SetTemplate(*TemplateOf(*plan.revision_back));
    if (plan.request_done) Unannotate("rollout-request");
    if (plan.status) *scene.daemon_set.mutable_status() = *plan.status;
    for (const PlannedPull& each : plan.pull) {
      for (v1::Pod& pod : scene.pods) {
        if (pod.metadata().name() == each.pod) ApplyPull(each, scene.now.wall, pod);
      }
    }
    for (const PlannedRemoval& each : plan.remove) Mark(each.removal.pod);
    for (const std::string& node : plan.failed_on) scene.backoff.Advance(node, scene.now.mono);
    for (v1::Pod pod : plan.create) {
      pod.mutable_metadata()->set_uid("uid-of-" + pod.metadata().name());
      *pod.mutable_metadata()->mutable_creation_timestamp() = FromWallTime(scene.now.wall);
      pod.mutable_spec()->set_node_name(TargetNode(pod.spec()));
      scene.pods.push_back(std::move(pod));
    }
    events.insert(events.end(), plan.events.begin(), plan.events.end());
  }

  void ApplyRevisions(const RevisionPlan& plan) {
    for (v1::ControllerRevision each : plan.create) {
      each.mutable_metadata()->set_uid("uid-of-" + each.metadata().name());
      scene.revisions.push_back(std::move(each));
    }
    for (const v1::ControllerRevision& each : plan.update) {
      for (v1::ControllerRevision& known : scene.revisions) {
        if (known.metadata().name() == each.metadata().name()) known = each;
      }
    }
    for (const std::string& name : plan.remove) {
      scene.revisions.erase(
          std::remove_if(scene.revisions.begin(), scene.revisions.end(),
                         [&](const auto& each) { return each.metadata().name() == name; }),
          scene.revisions.end());
    }
  }

  void Mark(const std::string& name) {
    for (v1::Pod& pod : scene.pods) {
      if (pod.metadata().name() != name) continue;
      *pod.mutable_metadata()->mutable_deletion_timestamp() = FromWallTime(scene.now.wall);
    }
  }

  // True when the pod is gone.
  bool Advance(v1::Pod& pod, std::set<std::string>& killed) {
    if (pod.metadata().has_deletion_timestamp()) return true;
    const std::string& node = pod.spec().node_name();
    v1::PodStatus& status = *pod.mutable_status();
    const int age = ++ages_[pod.metadata().name()];
    AnswerPull(pod);
    if (!status.has_start_time()) {
      *status.mutable_start_time() = FromWallTime(scene.now.wall);
      SetReady(pod, false, scene.now.wall);
    }
    if (status.container_statuses().empty()) status.add_container_statuses()->set_name("main");
    v1::ContainerStatus& container = *status.mutable_container_statuses(0);
    switch (fate(node, pod.spec().containers(0).image())) {
      case Fate::kHealthy:
        BeReady(pod);
        break;
      case Fate::kSlow:
        if (age >= 4) BeReady(pod);
        break;
      case Fate::kNeverReady:
        break;
      case Fate::kCrashes:
        container.set_restart_count(age / 2);
        End(container, 1, "Error");
        break;
      case Fate::kOutOfMemory:
        container.set_restart_count(1);
        End(container, 137, "OOMKilled");
        container.mutable_state()->mutable_running();
        if (age >= 2) BeReady(pod);
        break;
      case Fate::kKillsNode:
        killed.insert(node);
        break;
      case Fate::kFails:
        status.set_phase("Failed");
        break;
      case Fate::kShutDown:
        status.set_phase("Failed");
        status.set_reason("Terminated");
        break;
    }
    return false;
  }

  void AnswerPull(v1::Pod& pod) {
    if (!pod.has_pre_pull()) return;
    const v1::PodPrePull& asked = pod.pre_pull();
    v1::PodPrePullStatus& answer = *pod.mutable_status()->mutable_pre_pull();
    if (answer.revision() == asked.revision() && answer.attempt() == asked.attempt()) return;
    const std::string outcome = pull(pod.spec().node_name(), asked.attempt());
    if (outcome == kPending) return;
    answer.set_revision(asked.revision());
    answer.set_attempt(asked.attempt());
    answer.set_phase(outcome.empty() ? "Pulled" : "Failed");
    answer.set_message(outcome);
  }

  void BeReady(v1::Pod& pod) {
    if (PodFactsOf(pod).ready) return;
    SetReady(pod, true, scene.now.wall);
  }
  static void End(v1::ContainerStatus& container, int exit_code, const std::string& reason) {
    v1::ContainerStateTerminated& ending = *container.mutable_last_state()->mutable_terminated();
    ending.set_exit_code(exit_code);
    ending.set_reason(reason);
    container.mutable_state()->mutable_waiting()->set_reason("CrashLoopBackOff");
  }

  uint64_t looks_ = 0;
  std::set<std::string> lost_;
  std::map<std::string, int> ages_;
};

}  // namespace muster::coordinator
