#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "agent/loop/node_loop.h"
#include "agent/translate/translate.h"
#include "test/fakes/fake_host.h"
#include "test/fakes/fake_link.h"
#include "test/fakes/fake_network.h"
#include "test/fakes/fake_prober.h"
#include "test/fakes/fake_runtime.h"
#include "test/fakes/memory_checkpoint.h"

namespace muster::agent {

// One host over the lives of several agents, driven by hand: a clock that only moves when told, a
// runtime, a disk, and the test as the coordinator.
class NodeHarness {
 public:
  NodeHarness() : runtime(clock) {
    runtime.set_info({.name = "containerd",
                      .version = "1.6.20",
                      .api_version = "v1",
                      .runtime_ready = true,
                      .network_ready = true});
    runtime.AddToRegistry("img:1");
    StartAgent();
  }

  void StartAgent() {
    inbox_ = std::make_shared<NodeInbox>([this] { woken_ = true; });
    link = std::make_unique<FakeLink>(
        [inbox = inbox_](LinkEvent event) { inbox->Post(std::move(event)); });
    if (refuse_connects) link->RefuseConnects(absl::UnavailableError("connection refused"));
    checkpoint_ = std::make_unique<MemoryCheckpoint>(disk);
    loop = std::make_unique<NodeLoop>(
        NodeLoop::Seams{clock, runtime, prober, *link, *checkpoint_, host, volumes, logs, worker_,
                        inbox_, nullptr, nullptr, &runtime, nullptr,
                        with_network ? &network : nullptr},
        NodeOptions{.node_name = "node-a",
                    .agent_version = "1",
                    .static_pod_dir = static_pod_dir,
                    .host_rules = host_rules,
                    .shutdown = shutdown},
        [this](const TunnelRequest& request, const absl::StatusOr<ContainerTarget>& target) {
          tunnels.emplace_back(request.tunnel_id, target);
        });
    start_status = loop->Start();
    wake_ = clock.Mono();
  }
  // kill -9: what it asked of the runtime still happens.
  void KillAgent() {
    loop.reset();
    link.reset();
    runtime.DropCallers();
    prober.DropCallers();
    network.DropCallers();
    runtime.RunPending();
  }
  void RestartAgent() {
    KillAgent();
    StartAgent();
  }

  // Everything that happens without time going by.
  void Settle() {
    for (int round = 0; round < 10'000; ++round) {
      const int ran = runtime.RunPending();
      if (!woken_ && ran == 0 && (!wake_ || *wake_ > clock.Mono())) return;
      woken_ = false;
      wake_ = loop->Step();
    }
    FAIL() << "it never comes to rest";
  }
  void Run(Duration time) {
    const MonoTime end = clock.Mono() + std::chrono::duration_cast<MonoTime::duration>(time);
    Settle();
    while (true) {
      MonoTime next = end;
      if (wake_ && *wake_ < next) next = *wake_;
      if (const auto due = runtime.NextDue(); due && *due < next) next = *due;
      if (next > clock.Mono()) clock.Advance(next - clock.Mono());
      Settle();
      if (clock.Mono() >= end) return;
    }
  }

  // The session begins, with everything the node should hold.
  void Welcome(std::vector<v1::Object> objects, std::vector<ObjectKey> removed = {},
               const std::string& node_uid = "node-uid-1") {
    LinkWelcome welcome;
    welcome.node.mutable_metadata()->set_uid(node_uid);
    link->Deliver(welcome);
    Assign(std::move(objects), std::move(removed));
  }
  void Assign(std::vector<v1::Object> objects, std::vector<ObjectKey> removed = {}) {
    link->Deliver(LinkAssignment{std::move(objects), std::move(removed), true, 1});
    Settle();
  }

  v1::PodStatus Status(const std::string& uid) const {
    const PodReport* report = link->LastReport(uid);
    return report == nullptr ? v1::PodStatus() : report->status;
  }
  std::vector<std::string> Events() const {
    std::vector<std::string> reasons;
    for (const v1::Event& event : link->events()) reasons.push_back(event.reason());
    return reasons;
  }

  ManualClock clock;
  FakeRuntime runtime;
  FakeProber prober;
  FakeNetwork network;
  FakeHost host;
  FakeVolumes volumes;
  FakeLogs logs;
  const std::shared_ptr<MemoryDisk> disk = std::make_shared<MemoryDisk>();
  bool refuse_connects = false;
  std::string static_pod_dir;  // From the next StartAgent on, likewise:
  ShutdownTurns shutdown;
  HostRules host_rules;
  bool with_network = false;
  std::unique_ptr<FakeLink> link;
  std::unique_ptr<NodeLoop> loop;
  absl::Status start_status;
  std::vector<std::pair<std::string, absl::StatusOr<ContainerTarget>>> tunnels;

 private:
  InlineWorker worker_;
  std::shared_ptr<NodeInbox> inbox_;
  std::unique_ptr<MemoryCheckpoint> checkpoint_;
  bool woken_ = false;
  std::optional<MonoTime> wake_;
};

inline v1::Object PodObject(const std::string& name, const std::string& uid, int64_t version = 1) {
  v1::Object object;
  v1::Pod& pod = *object.mutable_pod();
  pod.mutable_metadata()->set_name(name);
  pod.mutable_metadata()->set_namespace_("ns");
  pod.mutable_metadata()->set_uid(uid);
  pod.mutable_metadata()->set_resource_version(std::to_string(version));
  pod.mutable_spec()->set_restart_policy("Always");
  pod.mutable_spec()->set_termination_grace_period_seconds(30);
  v1::Container& container = *pod.mutable_spec()->add_containers();
  container.set_name("web");
  container.set_image("img:1");
  container.set_image_pull_policy("IfNotPresent");
  container.add_command("serve");
  return object;
}

inline v1::Object Deleted(v1::Object object, int64_t grace) {
  v1::ObjectMeta& meta = *object.mutable_pod()->mutable_metadata();
  meta.mutable_deletion_timestamp()->set_seconds(1);
  meta.set_deletion_grace_period_seconds(grace);
  return object;
}

inline v1::Object ConfigMapObject(const std::string& name, int64_t version) {
  v1::Object object;
  v1::ObjectMeta& meta = *object.mutable_config_map()->mutable_metadata();
  meta.set_name(name);
  meta.set_namespace_("ns");
  meta.set_resource_version(std::to_string(version));
  return object;
}

}  // namespace muster::agent
