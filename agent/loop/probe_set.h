#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "agent/checkpoint/checkpoint.h"
#include "agent/loop/mailbox.h"
#include "agent/loop/pod_events.h"
#include "agent/metrics/tallies.h"
#include "agent/probe/prober.h"
#include "agent/runtime/runtime.h"
#include "agent/workload/handler_call.h"
#include "agent/workload/observed.h"
#include "agent/workload/probe_schedule.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// Asks the containers of this node how they are: one schedule for each probe, one wake-up for all.
// Loop thread only; answers come back through the inbox.
class ProbeSet {
 public:
  // The health of that pod changed.
  using OnChange = std::function<void(const std::string& pod_uid)>;
  using Tell = std::function<void(const std::string& pod_uid, const PodEvent& event)>;

  // `seed`: for the random part of the first period after a start of the agent, so that not all
  // probes of a node are asked at once.
  ProbeSet(const Clock& clock, Runtime& runtime, Prober& prober, std::shared_ptr<NodeInbox> inbox,
           uint64_t seed, OnChange on_change, Tell tell);
  ~ProbeSet();
  ProbeSet(const ProbeSet&) = delete;
  ProbeSet& operator=(const ProbeSet&) = delete;

  // What an earlier agent knew. Before the first See.
  void Recall(ContainerMemories memories) { recalled_ = std::move(memories); }

  // How the pod's containers are now; fills in their health. While the pod is terminating only
  // readiness is asked for. `pod_ip` may be empty: then nothing on the network is.
  void See(const std::string& uid, const std::shared_ptr<const v1::Pod>& pod, bool terminating,
           const std::string& pod_ip, ObservedPod& observed);
  void Forget(const std::string& uid);

  // Begins what is due; returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now);

  // How often each probe that was answered gave which answer.
  std::vector<ProbeTally> Tallies() const;

  // Adds what the next agent has to know of the pod's running containers.
  void AddMemories(const ObservedPod& observed, const std::string& uid,
                   ContainerMemories& memories) const;

 private:
  struct Container;
  struct Pod;

  Container& ContainerOf(Pod& pod, const std::string& name);
  void SeeContainer(Pod& pod, const v1::Container& spec, bool terminating, MonoTime now,
                    ObservedContainer& observed);
  void Ask(const std::string& uid, const Pod& pod, const std::string& name, ProbeSchedule& schedule,
           MonoTime now);
  void OnAnswer(const std::string& uid, const std::string& name, ProbeKind kind,
                const std::string& id, const ProbeAnswer& answer);

  const Clock& clock_;
  Runtime& runtime_;
  Prober& prober_;
  const std::shared_ptr<NodeInbox> inbox_;
  const OnChange on_change_;
  const Tell tell_;
  const MonoTime agent_started_at_;
  std::mt19937_64 dice_;
  ContainerMemories recalled_;
  std::map<std::string, Pod> pods_;  // By uid; those with a probe.
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace muster::agent
