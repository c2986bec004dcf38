#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/model/labels.h"
#include "coordinator/admission/may_run.h"
#include "coordinator/api/call_notes.h"
#include "coordinator/api/watch_feed.h"
#include "coordinator/quota/object_census.h"
#include "coordinator/services/allocation.h"
#include "coordinator/store/object_store.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// What the admin API answers, as plain functions over the store; the gRPC service is a thin shell
// around it. Messages are Kubernetes' own, as a server says them ("pods \"x\" not found").
//
// Thread-safe. May block on the disk.
class AdminApi {
 public:
  // Both references outlive it. Without ranges Services get no addresses; `rules` say what may run.
  AdminApi(ObjectStore& objects, const Clock& clock, ServiceRanges service_ranges = {},
           RunRules rules = {})
      : objects_(objects),
        clock_(clock),
        service_ranges_(std::move(service_ranges)),
        rules_(std::move(rules)) {}

  // From now on what is written has to have room; `census` outlives it. Before the first call.
  void SetCensus(ObjectCensus* census) { census_ = census; }

  // The namespaces that are always there. Once at the start.
  absl::Status CreateBuiltInNamespaces();

  absl::StatusOr<admin::v1::GetResponse> Get(const admin::v1::GetRequest& request);
  absl::StatusOr<admin::v1::ListResponse> List(const admin::v1::ListRequest& request);
  absl::StatusOr<admin::v1::DescribeResponse> Describe(const admin::v1::DescribeRequest& request);
  absl::StatusOr<std::unique_ptr<WatchFeed>> Watch(const admin::v1::WatchRequest& request);
  // The event as this request wants it: with the object, or with a table of one row.
  void Render(const admin::v1::ListRequest& request, admin::v1::WatchEvent& event) const;

  // All or nothing. What is wrong with the objects comes as InvalidArgument with ApplyProblems as
  // payload. Namespaces that are not there are made, with a warning. `notes`, if given, says what
  // was written.
  //
  // Whoever may change objects need not be allowed to make one: `may_create`, if given, is asked
  // for each that is not there, also for the namespaces, and what it answers is the answer.
  using MayCreate = std::function<absl::Status(const v1::Object&)>;
  absl::StatusOr<admin::v1::ApplyResponse> Apply(const admin::v1::ApplyRequest& request,
                                                 CallNotes* notes = nullptr,
                                                 const MayCreate& may_create = nullptr);
  absl::StatusOr<admin::v1::UpdateResponse> Update(const admin::v1::UpdateRequest& request,
                                                   CallNotes* notes = nullptr);
  absl::StatusOr<admin::v1::DeleteResponse> Delete(const admin::v1::DeleteRequest& request,
                                                   CallNotes* notes = nullptr);

  // What Apply would do to each node. Refuses what it would. Whose role is limited to namespaces is
  // told nothing of the pods of others; `namespaces` are these, none: everything is told.
  absl::StatusOr<admin::v1::PlanResponse> Plan(const admin::v1::PlanRequest& request,
                                               const std::set<std::string>& namespaces = {});
  absl::StatusOr<admin::v1::WhyResponse> Why(const admin::v1::WhyRequest& request,
                                             const std::set<std::string>& namespaces = {});
  absl::StatusOr<admin::v1::RolloutHistoryResponse> RolloutHistory(
      const admin::v1::RolloutHistoryRequest& request);
  absl::StatusOr<admin::v1::RolloutUndoResponse> RolloutUndo(
      const admin::v1::RolloutUndoRequest& request, CallNotes* notes = nullptr);
  absl::StatusOr<admin::v1::RolloutNodesResponse> RolloutNodes(
      const admin::v1::RolloutNodesRequest& request);

  // Where the bytes of a container come from, and what is wanted of it.
  enum class Use { kLogs, kExec, kAttach };
  struct ContainerPlace {
    std::string node;
    std::string pod_uid;
    std::string container;
  };
  // Only logs can be had of a pod that is finished.
  absl::StatusOr<ContainerPlace> FindContainer(const std::string& ns, const std::string& pod,
                                               const std::string& container, Use use);
  // A pod whose network can be reached, without a container. With a uid only that pod.
  absl::StatusOr<ContainerPlace> FindRunningPod(const std::string& ns, const std::string& pod,
                                                const std::string& uid);
  // The pods or nodes that a Top is about; NotFound when it names one that is not there.
  absl::StatusOr<std::vector<v1::Object>> FindForTop(const admin::v1::TopRequest& request);

 private:
  absl::StatusOr<v1::Object> ReadPod(const std::string& ns, const std::string& pod);
  // A DaemonSet and the revisions of its namespace, which point into `list`.
  struct Rollouts {
    v1::Object daemon_set;
    ObjectList list;
    std::vector<const v1::ControllerRevision*> revisions;
  };
  absl::StatusOr<Rollouts> ReadRollouts(const admin::v1::ObjectRef& ref);

  absl::StatusOr<admin::v1::ApplyResponse> TryApply(const admin::v1::ApplyRequest& request,
                                                    CallNotes& notes, const MayCreate& may_create);
  absl::StatusOr<admin::v1::UpdateResponse> TryUpdate(const admin::v1::UpdateRequest& request,
                                                      CallNotes& notes);
  absl::StatusOr<admin::v1::DeleteResponse> TryDelete(const admin::v1::DeleteRequest& request,
                                                      CallNotes& notes);
  // May this run, in a namespace as it will be when the objects `beside` are applied too? Of a
  // namespace itself: are its labels levels, and what of it would be refused from now on?
  using Objects = google::protobuf::RepeatedPtrField<v1::Object>;
  absl::StatusOr<RunVerdict> MayRun(const v1::Object& proposed, const v1::Object* stored,
                                    const Objects& beside);
  absl::StatusOr<model::LabelMap> NamespaceLabels(const std::string& ns, const Objects& beside);
  absl::StatusOr<std::vector<Warning>> RefusedFromNowOn(const std::string& ns,
                                                        PodSecurityLevel enforce);
  absl::StatusOr<int64_t> ObjectsInNamespace(const std::string& ns);
  absl::StatusOr<CommittedObjects> Commit(ObjectTransaction transaction);
  // What an apply should know of a template that failed before; empty if it did not.
  absl::StatusOr<std::string> RejectionOf(const v1::DaemonSet& proposed,
                                          const v1::DaemonSet& stored);

  ObjectStore& objects_;
  const Clock& clock_;
  const ServiceRanges service_ranges_;
  const RunRules rules_;
  ObjectCensus* census_ = nullptr;  // Null: there may be any number.
};

}  // namespace muster::coordinator
