#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/hygiene/eviction.h"
#include "agent/hygiene/node_shutdown.h"
#include "agent/link/link.h"
#include "agent/loop/action_runner.h"
#include "agent/loop/assignment.h"
#include "agent/loop/host_port_state.h"
#include "agent/loop/image_fetcher.h"
#include "agent/loop/pod_events.h"
#include "agent/loop/pod_logs.h"
#include "agent/loop/pre_puller.h"
#include "agent/loop/probe_set.h"
#include "agent/loop/runtime_view.h"
#include "agent/loop/static_pods.h"
#include "agent/metrics/tallies.h"
#include "agent/network/host_port_table.h"
#include "agent/network/own_pods.h"
#include "agent/report/node_report.h"
#include "agent/workload/host_rules.h"
#include "agent/workload/observed.h"
#include "agent/workload/plan.h"
#include "common/base/clock.h"

namespace muster::agent {

// On a pod template, "true": muster-node-ready.target of the host waits for the pod to be ready.
inline constexpr char kGateAnnotation[] = "muster.dev/gate";

// What planning a pod needs to know about the node. Plain value.
struct NodeSituation {
  NodeContext context;
  std::string runtime_name = "containerd";
  bool runtime_known = false;  // It has said what it is, and who has its control groups.
  bool network_ready = true;
  std::string network_message;
  // True conditions that the node suffers from, sorted: "DiskPressure".
  std::vector<std::string> pressure;
  HostRules host_rules;  // Of what the coordinator wants here; not of the host's own static pods.
  // The host goes down: what comes now is refused.
  bool shutting_down = false;
  HostPortState host_ports;
};

// A pod that may be taken from the node, and where it is found there. Plain value.
struct EvictionCandidate {
  std::string uid;
  std::shared_ptr<const v1::Pod> pod;
  std::map<std::string, std::string> running;  // Container ids by name.
  std::string log_directory, control_group;
};

// Where a container's log or a process in it is found, or the network of a pod.
struct ContainerTarget {
  std::string container_id;
  std::string log_path;
  bool running = false;
  std::string sandbox_id;  // Of the last.
};

// The pods of this node: those it should hold, and those of ours that the runtime still has.
//
// Each pod is one serial worker: it is planned when something about it changed and the runtime was
// seen since its last own step; what it plans is begun, and what comes of that makes it be planned
// again. Pods are independent of each other, except that one waits for another of the same name,
// and for host ports, to be free. Loop thread only.
class PodSet {
 public:
  using EmitEvent = std::function<void(const v1::Event&)>;

  PodSet(const Clock& clock, Runtime& runtime, Prober& prober, std::shared_ptr<NodeInbox> inbox,
         uint64_t seed, RuntimeView& view, ActionRunner& runner, ImageFetcher& images,
         PodLogs& logs, EmitEvent emit_event);
  ~PodSet();
  PodSet(const PodSet&) = delete;
  PodSet& operator=(const PodSet&) = delete;

  // What the node should hold. Pods of ours that are not in it are taken down, but only when it is
  // complete: otherwise they may be missing from it. Static pods are always all there are.
  void SetAssignment(const Assignment& assignment, const StaticPodMap& static_pods = {});
  // Files of a pod of a former life, to be removed unless the pod is known.
  void NoticeFiles(const std::string& pod_uid);

  // What the agent before this one knew of containers that may still run. Before the first Step.
  void Recall(const ContainerMemories& memories);
  // What the next one has to know; nullopt when that did not change since the last call.
  std::optional<ContainerMemories> TakeMemories();

  // Plans what has to be planned; returns when it has to be called again.
  std::optional<MonoTime> Step(MonoTime now, const NodeSituation& node);

  // What changed since the last call; everything with `all`, for a session that just began.
  std::vector<PodReport> TakeReports(bool all);

  // Pods that run and are to go on doing so.
  std::vector<EvictionCandidate> EvictionCandidates() const;
  // Takes the pod from the node; it fails for good. Nothing happens when it is going already.
  void Evict(const std::string& pod_uid, const Eviction& eviction);
  // One that was evicted still has something that runs.
  bool EvictionUnderWay() const;

  // Pods that have come up and are not stopped, whether they go already or not.
  std::vector<ShutdownPod> NotStopped() const;
  // Takes the pod from the node because that goes down, also when it is going more slowly already.
  // False: it was told before.
  bool Terminate(const std::string& pod_uid, std::chrono::seconds grace);

  // Pods that have, or may soon have, a control group of their own.
  std::vector<const v1::Pod*> GroupedPods() const;
  // Grows whenever one of them may have changed.
  uint64_t plans_made() const { return plans_made_; }

  // What those come to that Services may lead to; nothing while that is not known.
  std::optional<OwnPods> AsPlaces() const;

  // Where the host's ports should lead; nothing while that is not known.
  std::optional<HostPortWish> HostPorts() const;

  // All pods of this node, also those that go, by namespace and name.
  std::vector<NodeReport::Pod> Report() const;
  // How long pods took to start, and what their probes answered.
  const Histogram& start_times() const { return start_times_; }
  std::vector<ProbeTally> ProbeTallies() const { return probes_.Tallies(); }

  // As it was reported last; none for a pod that is not here.
  std::optional<v1::PodStatus> StatusOf(const std::string& pod_uid) const;
  // Reports the pod again, though nothing about it may have changed.
  void Retell(const std::string& pod_uid);

  bool empty() const { return records_.empty(); }
  size_t size() const { return records_.size(); }  // Also of those that nobody wants.
  // Pods, and those of them with every container running; for people.
  struct Counts {
    int pods = 0, ready = 0;
  };
  Counts Count() const;
  // Assigned pods with annotation muster.dev/gate "true" that are neither ready nor done, by
  // NAMESPACE/NAME; nullopt while the assignment is not known.
  std::optional<std::vector<std::string>> GateWaits() const;

  absl::StatusOr<ContainerTarget> Find(const std::string& pod_uid, const std::string& container,
                                       bool previous) const;
  // What a request through the tunnel is about; of one about the whole node it is empty.
  absl::StatusOr<ContainerTarget> FindTarget(const TunnelRequest& request) const;

 private:
  struct Record;

  void SyncObserved(Record& record);
  void SyncHealth(Record& record);
  PodIntent MakeIntent(const Record& record) const;
  std::string HoldOf(const Record& record);
  // Of a pod that is going: a port of the host still leads to it, or did so just now.
  std::optional<MonoTime> StopNotBefore(const Record& record, const PodIntent& intent) const;
  // The node will not run it, now or later.
  void Refuse(Record& record, const std::string& reason, const std::string& message);
  void RefuseUnfit(Record& record, PodIntent& intent);
  void Admit(Record& record);
  // Takes over what the pod is to be. What it may have of cpu and memory is for Allocate to say.
  void Want(Record& record, std::shared_ptr<const v1::Pod> wanted);
  void Allocate(Record& record);
  bool RunsAgain(const Record& record) const;
  std::unique_ptr<Record> BeginAnew(const Record& record);
  static std::shared_ptr<const v1::Pod> PodOf(const Record& record, const Action& action);
  bool IsDue(Record& record, MonoTime now) const;
  // Those to be planned now. After a boot many are, and the most important one is started first.
  std::vector<Record*> DueByPriority(MonoTime now);
  void PlanOne(Record& record, MonoTime now);
  void UpdateStatus(Record& record, const PodIntent& intent, const Plan& plan);
  // Counts how long it took until everything ran, once.
  void MeasureStart(Record& record, MonoTime now);
  void TellWaiting(Record& record, const Plan& plan);
  void Execute(Record& record, const PodIntent& intent, const Action& action, MonoTime now);
  void OnDone(const std::string& uid, const Action& action, const Outcome& outcome, MonoTime begun);
  void Tell(const Record& record, const PodEvent& event);
  void MarkNeighbours(const Record& record);

  const Clock& clock_;
  RuntimeView& view_;
  ActionRunner& runner_;
  PodLogs& logs_;
  const EmitEvent emit_event_;

  const Assignment* assignment_ = nullptr;
  NodeSituation node_;
  bool runtime_ok_ = false;
  std::map<std::string, std::unique_ptr<Record>> records_;  // By uid.
  ProbeSet probes_;
  PrePuller pre_puller_;
  uint64_t plans_made_ = 0;
  ContainerMemories recalled_;
  bool memories_changed_ = false;
  Histogram start_times_{kPodStartBounds};
  std::vector<PodReport> farewells_;  // Of pods that are forgotten.
};

}  // namespace muster::agent
