#pragma once

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "coordinator/controllers/controller_loop.h"
#include "coordinator/store/memory/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {

using namespace std::chrono_literals;

// A whole coordinator's worth of controllers on a store in memory, turned by hand.
class ControllerLoopTest : public testing::Test {
 protected:
  ControllerLoopTest() {
    Restart();
    for (const char* name : {"node-1", "node-2", "node-3"}) AddNode(name);
  }

  // The loop as after a restart of the coordinator: nothing is left but the store.
  void Restart() {
    loop_ = std::make_unique<ControllerLoop>(
        objects_, clock_,
        [this](const std::string& node) -> std::optional<NodeContact> {
          const auto silent = contacts_.find(node);
          if (silent != contacts_.end()) return silent->second;
          return NodeContact{true, false, clock_.Mono()};
        },
        options_, [] {}, Seeded(3));
  }

  int64_t Revision() { return *store_.CurrentRevision(); }

  // Until a step writes nothing; false when there is no end to it.
  bool Settle() {
    for (int i = 0; i < 50; ++i) {
      const int64_t before = Revision();
      store_.Deliver();
      wake_ = loop_->Step();
      if (Revision() == before) return true;
    }
    return false;
  }

  // Lets time pass as the event loop does: steps when the loop asked for it.
  void Pass(Duration time) {
    const MonoTime until = clock_.Mono() + std::chrono::duration_cast<MonoTime::duration>(time);
    while (true) {
      ASSERT_TRUE(Settle());
      const MonoTime next = std::min(until, wake_.value_or(until));
      if (clock_.Mono() == until) return;
      ASSERT_GT(next, clock_.Mono()) << "it asks for a step that does nothing";
      clock_.Advance(next - clock_.Mono());
    }
  }
  void BreakStream(const std::string& node) {
    contacts_[node] = {false, true, clock_.Mono()};
    loop_->TouchNode(node);
  }
  void FallSilent(const std::string& node) { contacts_[node] = {true, false, clock_.Mono()}; }
  // The agent is back, and says that it is well.
  void Return(const std::string& name) {
    contacts_.erase(name);
    SetReady(name, "True");
    loop_->TouchNode(name);
  }
  void SetReady(const std::string& name, const std::string& status) {
    v1::Object node = Node(name);
    node.mutable_node()->mutable_status()->mutable_conditions(0)->set_status(status);
    Update(node);
  }
  std::string ReadyOf(const std::string& node) {
    return ConditionStatus(Node(node).node(), "Ready");
  }
  bool HasTaint(const std::string& node, const std::string& taint, const std::string& effect) {
    const v1::Object object = Node(node);
    for (const v1::Taint& each : object.node().spec().taints()) {
      if (each.key() == "node.kubernetes.io/" + taint && each.effect() == effect) return true;
    }
    return false;
  }
  // As the agent reports a pod that is well.
  void RunPods() {
    for (v1::Object& pod : List(v1::Object::kPod)) {
      muster::coordinator::SetReady(*pod.mutable_pod(), true, clock_.Wall());
      Update(std::move(pod));
    }
  }
  std::vector<std::string> ReadyPodsOn() {
    std::vector<std::string> nodes;
    for (const v1::Object& pod : List(v1::Object::kPod)) {
      if (PodFactsOf(pod.pod()).ready) nodes.push_back(pod.pod().spec().node_name());
    }
    return nodes;
  }
  std::vector<std::string> EventsOf(const std::string& reason) {
    std::vector<std::string> about;
    for (const v1::Object& event : List(v1::Object::kEvent)) {
      if (event.event().reason() != reason) continue;
      about.push_back(event.event().involved_object().kind());
    }
    return about;
  }

  // "who it is about: what it says", of every event with the reason.
  std::vector<std::string> MessagesOf(const std::string& reason) {
    std::vector<std::string> messages;
    for (const v1::Object& object : List(v1::Object::kEvent)) {
      const v1::Event& event = object.event();
      if (event.reason() != reason) continue;
      messages.push_back(event.involved_object().name() + ": " + event.message());
    }
    return messages;
  }

  void Create(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Create(std::move(object));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void Update(v1::Object object) {
    ObjectTransaction transaction;
    transaction.Update(std::move(object));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void Delete(model::Kind kind, const std::string& ns, const std::string& name) {
    ObjectTransaction transaction;
    transaction.DeleteAny(kind, ns, name);
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  }
  void AddNode(const std::string& name) {
    v1::Object object;
    *object.mutable_node() = NodeNamed(name);
    v1::NodeCondition& ready = *object.mutable_node()->mutable_status()->add_conditions();
    ready.set_type("Ready");
    ready.set_status("True");
    Create(std::move(object));
  }
  // A pod that nobody owns, as the admin API stores it.
  v1::Object BarePod(const std::string& name, const std::string& cpu = "100m") {
    v1::Object object;
    v1::Pod& pod = *object.mutable_pod();
    pod.set_api_version("v1");
    pod.set_kind("Pod");
    pod.mutable_metadata()->set_namespace_("default");
    pod.mutable_metadata()->set_name(name);
    v1::Container& container = *pod.mutable_spec()->add_containers();
    container.set_name("main");
    container.set_image("image:1");
    (*container.mutable_resources()->mutable_requests())["cpu"].set_text(cpu);
    pod.mutable_spec()->set_restart_policy("Never");
    pod.mutable_status()->set_phase("Pending");
    return object;
  }
  // What stands for a static pod of that node, as its agent has it made.
  v1::Object Mirror(const std::string& name, const std::string& node, const std::string& cpu) {
    v1::Object object = BarePod(name, cpu);
    v1::ObjectMeta& meta = *object.mutable_pod()->mutable_metadata();
    meta.set_uid(name + "-uid");
    (*meta.mutable_annotations())["kubernetes.io/config.source"] = "file";
    (*meta.mutable_annotations())["kubernetes.io/config.mirror"] = "hash";
    v1::OwnerReference& owner = *meta.add_owner_references();
    owner.set_kind("Node");
    owner.set_uid(node + "-uid");
    owner.set_controller(true);
    v1::PodSpec& spec = *object.mutable_pod()->mutable_spec();
    spec.set_node_name(node);
    spec.set_restart_policy("Always");
    v1::Toleration& stays = *spec.add_tolerations();
    stays.set_operator_("Exists");
    stays.set_effect("NoExecute");
    object.mutable_pod()->mutable_status()->set_phase("Running");
    return object;
  }
  v1::Pod Pod(const std::string& name) {
    return objects_.Get(v1::Object::kPod, "default", name)->pod();
  }
  bool HasPod(const std::string& name) {
    return objects_.Get(v1::Object::kPod, "default", name).ok();
  }
  std::string NodeOf(const std::string& pod) { return Pod(pod).spec().node_name(); }
  // Why it waits.
  std::string WaitsFor(const std::string& pod) {
    const v1::Pod found = Pod(pod);
    for (const v1::PodCondition& condition : found.status().conditions()) {
      if (condition.type() == "PodScheduled") return condition.message();
    }
    return "";
  }
  void CreateClass(const std::string& name, int32_t value, bool never = false) {
    v1::Object object;
    v1::PriorityClass& priority = *object.mutable_priority_class();
    priority.mutable_metadata()->set_name(name);
    priority.set_value(value);
    if (never) priority.set_preemption_policy("Never");
    Create(std::move(object));
  }
  // The agent has stopped what is marked.
  void StopMarked() {
    for (const v1::Object& pod : List(v1::Object::kPod)) {
      if (!pod.pod().metadata().has_deletion_timestamp()) continue;
      Delete(v1::Object::kPod, "default", pod.pod().metadata().name());
    }
  }
  void AddTaintTo(const std::string& name, const std::string& key, const std::string& effect) {
    v1::Object node = Node(name);
    AddTaint(*node.mutable_node(), key, effect);
    Update(std::move(node));
  }
  void RemoveTaints(const std::string& name) {
    v1::Object node = Node(name);
    node.mutable_node()->mutable_spec()->clear_taints();
    Update(std::move(node));
  }
  // One with this request of cpu and priority class on every node; each node has 8 cpus.
  void CreateDaemonSetOf(const std::string& name, const std::string& cpu,
                         const std::string& priority_class = "") {
    v1::Object object;
    *object.mutable_daemon_set() = DaemonSetNamed(name);
    v1::PodSpec& spec =
        *object.mutable_daemon_set()->mutable_spec()->mutable_template_()->mutable_spec();
    (*spec.mutable_containers(0)->mutable_resources()->mutable_requests())["cpu"].set_text(cpu);
    if (!priority_class.empty()) spec.set_priority_class_name(priority_class);
    Create(std::move(object));
  }
  // The pods of a DaemonSet by node; those that wait have none.
  std::vector<std::string> NodesOfPods(const std::string& daemon_set) {
    std::vector<std::string> nodes;
    for (const v1::Object& pod : List(v1::Object::kPod)) {
      const auto& labels = pod.pod().metadata().labels();
      const auto app = labels.find("app");
      if (app == labels.end() || app->second != daemon_set) continue;
      nodes.push_back(pod.pod().spec().node_name());
    }
    return nodes;
  }
  void CreateDaemonSet() {
    v1::Object object;
    *object.mutable_daemon_set() = DaemonSetNamed("web");
    Create(std::move(object));
  }
  // As the admin API begins a deletion that does not go at once.
  void DeleteWith(const std::string& finalizer) {
    v1::Object ending = DaemonSet();
    v1::ObjectMeta& meta = *ending.mutable_daemon_set()->mutable_metadata();
    meta.add_finalizers(finalizer);
    meta.set_generation(meta.generation() + 1);
    *meta.mutable_deletion_timestamp() = FromWallTime(clock_.Wall());
    Update(std::move(ending));
  }
  v1::Object Node(const std::string& name) { return *objects_.Get(v1::Object::kNode, "", name); }
  v1::Object DaemonSet() { return *objects_.Get(v1::Object::kDaemonSet, "default", "web"); }

  std::vector<v1::Object> List(model::Kind kind) {
    return objects_.List({.kind = kind, .ns = ""})->items;
  }
  // Nodes that pods are bound to and stay on, and those of pods that are marked to go.
  std::vector<std::string> Bound(bool terminating = false) {
    std::vector<std::string> nodes;
    for (const v1::Object& object : List(v1::Object::kPod)) {
      if (object.pod().metadata().has_deletion_timestamp() != terminating) continue;
      nodes.push_back(object.pod().spec().node_name());
    }
    return nodes;
  }

  ManualClock clock_{kWall};
  MemoryStore store_{MemoryStore::Options{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_, Seeded(2)};
  ControllerLoop::Options options_;
  std::map<std::string, NodeContact> contacts_;  // Of nodes that are not simply connected.
  std::unique_ptr<ControllerLoop> loop_;
  std::optional<MonoTime> wake_;
};

}  // namespace muster::coordinator
