#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/moment.h"
#include "common/base/random.h"
#include "coordinator/controllers/commit_batch.h"
#include "coordinator/controllers/daemonjob_state.h"
#include "coordinator/controllers/daemonset_state.h"
#include "coordinator/controllers/event_recorder.h"
#include "coordinator/controllers/followed_store.h"
#include "coordinator/controllers/pod_binder.h"
#include "coordinator/daemonjob/job_plan.h"
#include "coordinator/daemonset/plan.h"
#include "coordinator/nodes/node_deadlines.h"
#include "coordinator/nodes/node_health.h"
#include "coordinator/services/pod_subnets.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {

// Everything the coordinator does by itself: the controllers of DaemonSets and DaemonJobs, binding
// pods to their nodes, the health of nodes, and collecting what nobody owns or no node runs any
// more.
//
// A shell: it keeps a copy of the store's objects, fed by one watch, asks the pure parts
// (daemonset, placement, nodes) what to do, and writes their answers, each in one transaction
// against the revisions that it knew. What was written counts once the watch has shown it, so no
// second decision is made on a world that is older than the first. After a restart it knows all it
// needs from the store.
//
// Start and Step belong to the loop thread.
class ControllerLoop {
 public:
  struct Options {
    NodeHealthLimits health;
    // Later than asked for by more than this, the loop could not hear anybody either.
    Duration deaf_after = std::chrono::seconds(1);
    // How long the watch may take to show what was written.
    Duration watch_patience = std::chrono::seconds(5);
    // How long pods of a node that was deleted are kept, in case it comes back.
    Duration pod_gc_quarantine = std::chrono::seconds(40);
    Duration event_ttl = std::chrono::hours(1);
    PlanLimits plan;
    JobPlanLimits job_plan;
    PodRanges pod_ranges;
  };
  // When a node was last heard; asked on the loop thread.
  using FindContact = std::function<std::optional<NodeContact>(const std::string& node)>;

  // `wake` is called on any thread when Step should be called soon.
  ControllerLoop(ObjectStore& objects, const Clock& clock, FindContact find_contact,
                 Options options, std::function<void()> wake,
                 RandomBits random = &SystemRandomBits);

  // Does what is due. Returns when to call it again at the latest. Failures are logged and tried
  // again.
  std::optional<MonoTime> Step();

  // The contact to the agent of a node began or ended: look at it in the next Step.
  void TouchNode(const std::string& node);

 private:
  void Turn(const Moment& now);

  // The copy of the store.
  absl::Status Resync();
  void Absorb(const v1::Object& object, bool gone);
  void AbsorbNode(const v1::Object& object, bool gone);
  void AbsorbPod(const v1::Object& object, bool gone);
  void AbsorbDaemonSet(const v1::Object& object, bool gone);
  void AbsorbDaemonJob(const v1::Object& object, bool gone);
  bool IsLiveOwner(const std::string& uid) const;
  void AbsorbRevision(const v1::Object& object, bool gone);
  void AbsorbConfig(const v1::Object& object, bool gone);
  void AbsorbEvent(const v1::Object& object, bool gone);
  template <typename Visit>
  void ForEachDaemonSet(const std::string& ns, const Visit& visit);
  // The whole pod. Aborted when it is not any more what the copy shows: the watch brings it.
  absl::StatusOr<v1::Object> ReadPod(std::string_view key);
  std::vector<const v1::Object*> RevisionsOf(const std::string& ns, const std::string& uid) const;

  // The work, each part on its own.
  void KeepNodes(const Moment& now);
  bool IsLost(const v1::Node& node, const Moment& now);
  void TouchAllNodes();
  // `taken` is filled in when it is needed.
  void KeepNode(const v1::Object& object, const Moment& now, std::optional<TakenPodSubnets>& taken,
                CommitBatch& batch);
  // Subnets for the node's pods, when its agent waits for some and there are any.
  bool GiveSubnets(const v1::Object& object, const Moment& now,
                   std::optional<TakenPodSubnets>& taken, v1::Node& node,
                   ObjectTransaction& transaction);
  absl::Status MarkPodsNotReady(const std::string& node, const Moment& now,
                                ObjectTransaction& transaction);
  void KeepDaemonSets(const Moment& now);
  // Brings its verdicts on nodes up to date.
  void Judge(DaemonSetState& state, const Moment& now);
  // So many pulls ahead of rollouts it may begin.
  int64_t PullSlotsFor(const DaemonSetState& asking) const;
  void KeepDaemonSet(DaemonSetState& state, const Moment& now, CommitBatch& batch);
  void EndDaemonSet(DaemonSetState& state, const Moment& now, CommitBatch& batch);
  // A DaemonSet's turn is over; a failure brings the next one.
  void Finish(DaemonSetState& state, const absl::Status& status, const Moment& now);
  absl::Status Carry(const DaemonSetState& state, const DaemonSetPlan& plan, const Moment& now,
                     ObjectTransaction& transaction);
  absl::Status EndDependents(const DaemonSetState& state, const Moment& now,
                             ObjectTransaction& transaction, bool& ret_none_left);
  void AddRevisions(const DaemonSetState& state, const RevisionPlan& plan,
                    ObjectTransaction& transaction);
  absl::Status AddPodChanges(const DaemonSetState& state, const DaemonSetPlan& plan,
                             const Moment& now, ObjectTransaction& transaction);
  void AddNewPods(const DaemonSetState& state, const DaemonSetPlan& plan, const Moment& now,
                  ObjectTransaction& transaction);
  void KeepDaemonJobs(const Moment& now);
  void KeepDaemonJob(DaemonJobState& state, const Moment& now, CommitBatch& batch);
  void EndDaemonJob(DaemonJobState& state, const Moment& now, CommitBatch& batch);
  void FinishJob(DaemonJobState& state, const absl::Status& status, const Moment& now);
  absl::Status CarryJob(const DaemonJobState& state, const DaemonJobPlan& plan, const Moment& now,
                        ObjectTransaction& transaction);
  absl::Status TakeRunStep(const std::string& key, RunStep::Kind kind, const Moment& now,
                           ObjectTransaction& transaction);
  absl::Status LetGo(const std::string& key, const std::string& owner_uid,
                     ObjectTransaction& transaction);
  // Pods that belong on one node each, in the order of their priorities.
  void BindWaiting(const Moment& now);
  absl::Status BindOn(const v1::Node& node, const std::vector<std::string>& waiting,
                      const Moment& now, ObjectTransaction& transaction);
  // One that is about to be created for the node: it is bound at once when it fits.
  void BindNew(const v1::Node& node, const Moment& now, v1::Object& pod,
               ObjectTransaction& transaction);
  // Pods that may run on any node that suits them.
  void PlaceUnplaced(const Moment& now);
  absl::Status PlaceAll(const Moment& now, ObjectTransaction& transaction);
  // What was decided for the pods before, by node.
  struct PlacingRound {
    std::map<std::string, std::vector<std::shared_ptr<const PodFootprint>>> taken;
    std::map<std::string, std::vector<PodOnNode>> there;
  };
  absl::Status Place(const LoadedPod& loaded, const Moment& now, PlacingRound& round,
                     v1::Object& pod, ObjectTransaction& transaction);
  // Makes room on the node for the pod by way of pods of lower priority; false: that does not help.
  absl::StatusOr<bool> Preempt(const LoadedPod& loaded, const v1::Node& node, const NodeLoad& load,
                               std::vector<PodOnNode>& there, const Moment& now, v1::Object& pod,
                               ObjectTransaction& transaction);
  absl::Status Evict(const std::vector<std::string>& victims, const std::string& winner,
                     const Moment& now, ObjectTransaction& transaction);
  // What NoExecute taints drive out that is no daemon pod.
  void Evict(const Moment& now);
  // Writes the pod when it differs from before, with the event of its being bound or not.
  // `misfits`: why it is not on the one node where it belongs.
  void Settle(const v1::Object& before, v1::Object pod, const std::vector<std::string>& misfits,
              const Moment& now, ObjectTransaction& transaction);
  void Tell(const v1::Object& pod, const std::vector<std::string>& misfits, const Moment& now,
            ObjectTransaction& transaction);
  int NodeCount() const { return static_cast<int>(nodes_.size()); }
  void CollectOrphans(const Moment& now);
  void CollectPodsOfGoneNodes(const Moment& now);
  void CollectPod(std::string_view key, const std::string& why, const Moment& now,
                  CommitBatch& batch);
  void ExpireEvents(const Moment& now);

  // Remembers the revision that the watch has to show before the next decision.
  absl::Status Commit(ObjectTransaction transaction);
  CommitBatch NewBatch();
  // After a failure: logs what is no mere conflict, which the watch resolves; comes back soon.
  void Retry(const absl::Status& status, std::string_view doing);
  // Has the watch shown all that was written?
  bool UpToDate(MonoTime now);
  void WakeAt(MonoTime at);
  const v1::Node* FindNode(const std::string& name) const;
  // The DaemonSet's own revision with this hash; null when there is none.
  const v1::ControllerRevision* FindRevision(const v1::DaemonSet& daemon_set,
                                             const std::string& hash) const;
  absl::Status RemovePod(const std::string& key, const Moment& now, ObjectTransaction& transaction);

  ObjectStore& objects_;
  const Clock& clock_;
  const FindContact find_contact_;
  const Options options_;
  const RandomBits random_;
  const std::function<void()> wake_;
  FollowedStore followed_;

  std::map<std::string, v1::Object> nodes_;      // By name.
  std::map<std::string, v1::Object> revisions_;  // By namespace/name, as those below.
  std::map<std::string, DaemonSetState> daemon_sets_;
  std::map<std::string, DaemonJobState> daemon_jobs_;
  PriorityClasses priority_classes_;
  // Of every ConfigMap and Secret by its session key: what it holds, in short.
  std::map<std::string, std::string> config_digests_;
  NodeLoads loads_;

  std::map<std::string, std::string> live_owners_;  // uid of each DaemonSet -> its key.
  std::map<std::string, std::string> live_jobs_;    // Likewise of each DaemonJob.
  // Pods of owners of these kinds that are gone (as far as is known), by the uid.
  std::map<std::string, std::set<std::string>> orphans_;
  std::map<std::string, MonoTime> gone_since_;  // Nodes that pods are still bound to.
  std::set<std::string> stale_nodes_;           // Whose health may have changed.
  NodeDeadlines deadlines_;                     // When nodes that are not will be lost.
  std::set<std::string> lost_nodes_;
  std::set<std::string> without_subnets_;  // Those that wait until another node is deleted.
  NodeDeadlines evictions_;  // When pods on nodes with NoExecute taints have to be looked at.
  std::set<std::string> tainted_nodes_, out_of_service_;
  bool all_lost_ = false;
  std::string last_to_pull_;  // Key of the DaemonSet that began pulls last.
  int64_t pulls_begun_ = 0;   // In this pass over all DaemonSets: the copy does not show them yet.
  MonoTime listening_since_;
  std::map<std::string, WallTime> event_times_;
  std::set<std::pair<WallTime, std::string_view>> events_by_time_;  // Keys of event_times_.
  EventRecorder recorder_;

  std::optional<MonoTime> wake_at_;
  std::optional<MonoTime> asked_for_;  // What Step returned last.
};

}  // namespace muster::coordinator
