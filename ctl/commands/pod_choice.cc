#include "ctl/commands/pod_choice.h"

#include "absl/strings/str_cat.h"
#include "common/model/labels.h"

namespace muster::ctl {

absl::StatusOr<std::string> ResolvePod(Context& context, AdminClient& client,
                                       const std::string& argument) {
  if (argument.find('/') == std::string::npos) return argument;
  const auto targets = ParseTargets({argument});
  if (!targets.ok()) return targets.status();
  const Targets::Target& target = targets->list[0];
  if (target.kind->kind == v1::Object::kPod) return target.name;
  if (target.kind->kind != v1::Object::kDaemonSet) {
    return absl::InvalidArgumentError(
        absl::StrCat("expected a pod or a daemonset, found ", std::string(target.kind->singular)));
  }
  admin::v1::GetRequest get;
  *get.mutable_ref() = RefOf(context, target);
  const auto daemon_set = client.Get(get);
  if (!daemon_set.ok()) return daemon_set.status();
  const auto query =
      model::LabelQuery::FromSelector(daemon_set->object().daemon_set().spec().selector());
  if (!query.ok()) return query.status();
  admin::v1::ListRequest list;
  list.set_resource("pods");
  list.set_namespace_(context.ns);
  list.set_label_selector(query->Text());
  const auto pods = client.List(list);
  if (!pods.ok()) return pods.status();
  if (pods->objects().empty()) {
    return absl::NotFoundError(absl::StrCat("no pods of ", argument, " in ", context.ns));
  }
  const std::string name = model::MetadataOf(pods->objects(0)).name();
  if (pods->objects_size() > 1) {
    context.err << "Found " << pods->objects_size() << " pods, using pod/" << name << "\n";
  }
  return name;
}

}  // namespace muster::ctl
