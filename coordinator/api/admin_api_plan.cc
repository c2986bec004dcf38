#include <set>
#include <string>
#include <utility>
#include <vector>

#include "common/base/macros.h"
#include "common/base/moment.h"
#include "common/model/kinds.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/world_copy.h"
#include "coordinator/explain/preview.h"

namespace muster::coordinator {
namespace {

void AddNodes(std::vector<NodePreview> previews, admin::v1::PlannedDaemonSet& planned) {
  for (NodePreview& preview : previews) {
    admin::v1::PlannedNode& node = *planned.add_nodes();
    node.set_node(std::move(preview.node));
    node.set_action(std::string(NameOf(preview.action)));
    node.set_pod(std::move(preview.pod));
    node.set_why(std::move(preview.why));
    for (std::string& line : preview.gets) node.add_gets(std::move(line));
  }
}

void AddPreviews(const WorldCopy& copy, const v1::DaemonSet& daemon_set,
                 admin::v1::PlannedDaemonSet& planned) {
  const v1::DaemonSet effective = copy.Effective(daemon_set);
  const World world = copy.For(effective);
  const Survey survey(world);
  planned.set_pace(PaceOf(daemon_set, survey.roster.tally().desired));
  AddNodes(PreviewOf(survey), planned);
}

void AddPreviews(const WorldCopy& copy, const v1::DaemonJob& job,
                 admin::v1::PlannedDaemonSet& planned) {
  const JobWorld world = copy.For(job);
  const JobSurvey survey(world);
  planned.set_pace(PaceOf(job, survey.roster.tally().desired));
  AddNodes(PreviewOf(survey, job), planned);
}

}  // namespace

absl::StatusOr<admin::v1::PlanResponse> AdminApi::Plan(const admin::v1::PlanRequest& request,
                                                       const std::set<std::string>& namespaces) {
  // The same defaulting and the same refusals as for the real thing.
  admin::v1::ApplyRequest apply;
  *apply.mutable_objects() = request.objects();
  apply.set_dry_run(true);
  MUSTER_ASSIGN_OR_RETURN(admin::v1::ApplyResponse applied, Apply(apply));
  admin::v1::PlanResponse response;
  *response.mutable_warnings() = std::move(*applied.mutable_warnings());
  const Moment now = Moment::Read(clock_);
  for (const admin::v1::ApplyResult& result : applied.results()) {
    const v1::Object& object = result.object();
    if (!object.has_daemon_set() && !object.has_daemon_job()) continue;
    const v1::ObjectMeta& meta = model::MetadataOf(object);
    MUSTER_ASSIGN_OR_RETURN(WorldCopy copy, WorldCopy::Read(objects_, meta.namespace_(), now));
    copy.HideOthers(namespaces);
    for (const admin::v1::ApplyResult& beside : applied.results()) copy.Put(beside.object());
    admin::v1::PlannedDaemonSet& planned = *response.add_daemon_sets();
    planned.set_namespace_(meta.namespace_());
    planned.set_name(meta.name());
    planned.set_outcome(result.outcome());
    planned.set_kind(std::string(model::InfoOf(object).name));
    if (object.has_daemon_set()) {
      AddPreviews(copy, object.daemon_set(), planned);
    } else {
      AddPreviews(copy, object.daemon_job(), planned);
    }
  }
  return response;
}

}  // namespace muster::coordinator
