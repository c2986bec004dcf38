#include "ctl/commands/pod_choice.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/daemon_job.h"
#include "common/model/kinds.h"
#include "common/model/labels.h"

namespace muster::ctl {

absl::StatusOr<std::string> PodLabelsOf(const v1::Object& owner) {
  if (owner.has_daemon_job()) {
    return absl::StrCat(model::kDaemonJobLabel, "=", owner.daemon_job().metadata().name());
  }
  if (!owner.has_daemon_set()) {
    return absl::InvalidArgumentError(absl::StrCat("expected a daemonset or a daemonjob, found ",
                                                   std::string(model::InfoOf(owner).singular)));
  }
  MUSTER_ASSIGN_OR_RETURN(const model::LabelQuery query,
                          model::LabelQuery::FromSelector(owner.daemon_set().spec().selector()));
  return query.Text();
}

absl::StatusOr<std::string> ResolvePod(Context& context, AdminClient& client,
                                       const std::string& argument) {
  if (argument.find('/') == std::string::npos) return argument;
  const auto targets = ParseTargets({argument});
  if (!targets.ok()) return targets.status();
  const Targets::Target& target = targets->list[0];
  if (target.kind->kind == v1::Object::kPod) return target.name;
  if (target.kind->kind != v1::Object::kDaemonSet && target.kind->kind != v1::Object::kDaemonJob) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected a pod, a daemonset or a daemonjob, found ", std::string(target.kind->singular)));
  }
  admin::v1::GetRequest get;
  *get.mutable_ref() = RefOf(context, target);
  const auto owner = client.Get(get);
  if (!owner.ok()) return owner.status();
  MUSTER_ASSIGN_OR_RETURN(const std::string labels, PodLabelsOf(owner->object()));
  admin::v1::ListRequest list;
  list.set_resource("pods");
  list.set_namespace_(context.ns);
  list.set_label_selector(labels);
  const auto pods = client.List(list);
  if (!pods.ok()) return pods.status();
  if (pods->objects().empty()) {
    return absl::NotFoundError(absl::StrCat("no pods of ", argument, " in ", context.ns));
  }
  std::vector<const v1::Pod*> candidates;
  for (const v1::Object& object : pods->objects()) candidates.push_back(&object.pod());
  const std::string name = MostAble(candidates).metadata().name();
  if (pods->objects_size() > 1) {
    context.err << "Found " << pods->objects_size() << " pods, using pod/" << name << "\n";
  }
  return name;
}

absl::StatusOr<v1::Pod> ReadPod(Context& context, AdminClient& client,
                                const std::string& argument) {
  MUSTER_ASSIGN_OR_RETURN(const std::string name, ResolvePod(context, client, argument));
  admin::v1::GetRequest get;
  get.mutable_ref()->set_resource("pods");
  get.mutable_ref()->set_namespace_(context.ns);
  get.mutable_ref()->set_name(name);
  MUSTER_ASSIGN_OR_RETURN(admin::v1::GetResponse found, client.Get(get));
  return std::move(*found.mutable_object()->mutable_pod());
}

const v1::Pod& MostAble(const std::vector<const v1::Pod*>& pods) {
  const auto rank = [](const v1::Pod* pod) {
    if (pod->metadata().has_deletion_timestamp()) return 3;
    for (const v1::PodCondition& condition : pod->status().conditions()) {
      if (condition.type() == "Ready" && condition.status() == "True") return 0;
    }
    return pod->status().phase() == "Running" ? 1 : 2;
  };
  return **std::ranges::min_element(pods, {}, rank);
}

}  // namespace muster::ctl
