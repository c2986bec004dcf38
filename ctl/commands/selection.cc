#include "ctl/commands/selection.h"

#include <utility>

#include "common/base/macros.h"

namespace muster::ctl {

admin::v1::ListRequest ListRequestFor(const Context& context, const model::KindInfo& kind,
                                      const Selection& selection) {
  admin::v1::ListRequest request;
  request.set_resource(std::string(kind.plural));
  request.set_all_namespaces(context.all_namespaces && kind.namespaced);
  if (!request.all_namespaces()) request.set_namespace_(NamespaceFor(context, kind));
  request.set_label_selector(selection.selector);
  request.set_field_selector(selection.field_selector);
  return request;
}

absl::StatusOr<std::vector<v1::Object>> ReadObjects(Context& context, AdminClient& client,
                                                    const Targets& targets,
                                                    const Selection& selection) {
  std::vector<v1::Object> objects;
  for (const Targets::Target& target : targets.list) {
    if (!target.name.empty()) {
      admin::v1::GetRequest request;
      *request.mutable_ref() = RefOf(context, target);
      MUSTER_ASSIGN_OR_RETURN(admin::v1::GetResponse response, client.Get(request));
      objects.push_back(std::move(*response.mutable_object()));
      continue;
    }
    MUSTER_ASSIGN_OR_RETURN(admin::v1::ListResponse list,
                            client.List(ListRequestFor(context, *target.kind, selection)));
    for (v1::Object& object : *list.mutable_objects()) objects.push_back(std::move(object));
  }
  return objects;
}

absl::Status CheckSelection(const Targets& targets, const Selection& selection) {
  for (const Targets::Target& target : targets.list) {
    if (target.name.empty() && !selection.names_something()) {
      return absl::InvalidArgumentError(
          "resource(s) were provided, but no name was specified; give names, -l SELECTOR or --all");
    }
    if (!target.name.empty() && !selection.selector.empty()) {
      return absl::InvalidArgumentError("name cannot be provided when a selector is specified");
    }
    if (!target.name.empty() && selection.all) {
      return absl::InvalidArgumentError("name cannot be provided together with --all");
    }
  }
  return absl::OkStatus();
}

}  // namespace muster::ctl
