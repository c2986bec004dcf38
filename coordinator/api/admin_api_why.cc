#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/moment.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/object_query.h"
#include "coordinator/api/world_copy.h"
#include "coordinator/daemonset/ownership.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/explain/explain.h"
#include "coordinator/explain/explain_job.h"

namespace muster::coordinator {
namespace {

void AddAnswer(const std::string& node, Explanation explanation, admin::v1::WhyResponse& response) {
  admin::v1::WhyAnswer& answer = *response.add_answers();
  answer.set_node(node);
  answer.set_cause(std::string(NameOf(explanation.cause)));
  answer.set_line(std::move(explanation.line));
  for (std::string& detail : explanation.details) answer.add_details(std::move(detail));
  answer.set_log_pod(std::move(explanation.pod));
  answer.set_log_container(std::move(explanation.container));
  answer.set_log_previous(explanation.previous_log);
}

void ExplainDaemonJob(const WorldCopy& copy, const v1::DaemonJob& job, const std::string& node,
                      admin::v1::WhyResponse& response) {
  const JobWorld world = copy.For(job);
  const JobSurvey survey(world);
  const DaemonJobPlan plan = PlanFrom(world, survey);
  const JobExplainInput input{world, survey, plan, copy.events()};
  if (!node.empty()) return AddAnswer(node, ExplainJob(input, node), response);
  for (const auto& [each, found] : survey.nodes) {
    AddAnswer(each, ExplainJob(input, each), response);
  }
}

}  // namespace

absl::StatusOr<admin::v1::WhyResponse> AdminApi::Why(const admin::v1::WhyRequest& request,
                                                     const std::set<std::string>& namespaces) {
  MUSTER_ASSIGN_OR_RETURN(const ObjectName name, ObjectName::Parse(request.ref()));
  if (name.info->kind != v1::Object::kDaemonSet && name.info->kind != v1::Object::kDaemonJob &&
      name.info->kind != v1::Object::kPod) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a daemonset, a daemonjob or a pod to explain, found ",
                     std::string(name.info->singular)));
  }
  MUSTER_ASSIGN_OR_RETURN(v1::Object object, objects_.Get(name.info->kind, name.ns, name.name));
  std::string node = request.node();
  admin::v1::WhyResponse response;
  const Moment now = Moment::Read(clock_);
  MUSTER_ASSIGN_OR_RETURN(WorldCopy copy, WorldCopy::Read(objects_, name.ns, now));
  copy.HideOthers(namespaces);
  if (object.has_daemon_job()) {
    ExplainDaemonJob(copy, object.daemon_job(), node, response);
    return response;
  }
  if (object.has_pod()) {
    const v1::Pod pod = object.pod();
    node = TargetNode(pod.spec());
    const v1::OwnerReference* owner = ControllerOf(pod.metadata());
    absl::StatusOr<v1::Object> owned_by = absl::NotFoundError("");
    if (owner != nullptr && owner->kind() == "DaemonSet") {
      owned_by = objects_.Get(v1::Object::kDaemonSet, name.ns, owner->name());
    }
    // One that is being replaced, or is one too many, has a story of its own.
    const bool kept = owned_by.ok() && owned_by->daemon_set().metadata().uid() == owner->uid() &&
                      !pod.metadata().has_deletion_timestamp() && !PodFactsOf(pod).terminal();
    if (!kept) {
      AddAnswer(node, ExplainPod(pod, copy.FindNode(node), copy.pods(), copy.events(), now.wall),
                response);
      return response;
    }
    object = *std::move(owned_by);
  }
  const v1::DaemonSet effective = copy.Effective(object.daemon_set());
  const World world = copy.For(effective);
  const Survey survey(world);
  const DaemonSetPlan plan = PlanFrom(world, survey);
  const ExplainInput input{world, survey, plan, copy.events()};
  const std::vector<std::string> nodes =
      node.empty() ? NodesToExplain(input) : std::vector<std::string>{node};
  for (const std::string& each : nodes) AddAnswer(each, Explain(input, each), response);
  return response;
}

}  // namespace muster::coordinator
