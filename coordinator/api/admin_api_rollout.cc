#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/moment.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/object_query.h"
#include "coordinator/api/world_copy.h"
#include "coordinator/daemonset/rollout_stages.h"

namespace muster::coordinator {

absl::StatusOr<admin::v1::RolloutNodesResponse> AdminApi::RolloutNodes(
    const admin::v1::RolloutNodesRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(const ObjectName name, ObjectName::Parse(request.ref()));
  if (name.info->kind != v1::Object::kDaemonSet) {
    return absl::InvalidArgumentError(
        absl::StrCat("only daemonsets have rollouts, found ", std::string(name.info->singular)));
  }
  MUSTER_ASSIGN_OR_RETURN(const v1::Object object,
                          objects_.Get(name.info->kind, name.ns, name.name));
  MUSTER_ASSIGN_OR_RETURN(const WorldCopy copy,
                          WorldCopy::Read(objects_, name.ns, Moment::Read(clock_)));
  const v1::DaemonSet effective = copy.Effective(object.daemon_set());
  const World world = copy.For(effective);
  const Survey survey(world);
  admin::v1::RolloutNodesResponse response;
  for (NodeStage& stage : StagesOf(effective, survey.roster, PlanFrom(world, survey))) {
    admin::v1::RolloutNodesResponse::Node& node = *response.add_nodes();
    node.set_name(std::move(stage.node));
    node.set_stage(std::move(stage.stage));
    node.set_why(std::move(stage.why));
  }
  return response;
}

absl::StatusOr<std::string> AdminApi::RejectionOf(const v1::DaemonSet& proposed,
                                                  const v1::DaemonSet& stored) {
  // Almost always, and then it costs nothing.
  if (stored.status().rollout().rejected().empty()) return "";
  const v1::ObjectMeta& meta = stored.metadata();
  MUSTER_ASSIGN_OR_RETURN(const WorldCopy copy,
                          WorldCopy::Read(objects_, meta.namespace_(), Moment::Read(clock_)));
  const v1::DaemonSet effective = copy.Effective(proposed);
  const World world = copy.For(effective);
  const std::string hash = PlanRevisions({effective, world.revisions, {}}).current_hash;
  for (const v1::DaemonSetRejectedRevision& rejected : stored.status().rollout().rejected()) {
    if (rejected.revision() != hash) continue;
    return absl::StrCat("revision ", hash, " was taken back before (", rejected.reason(), ": ",
                        rejected.message(),
                        "), so it is not rolled out; `musterctl rollout resume "
                        "ds/",
                        meta.name(), "` does it all the same");
  }
  return "";
}

}  // namespace muster::coordinator
