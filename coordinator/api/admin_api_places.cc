// Where on the fleet something is that a request is about.

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/container_choice.h"
#include "coordinator/api/object_query.h"

namespace muster::coordinator {
namespace {

bool IsFinished(const v1::Pod& pod) {
  return pod.status().phase() == "Succeeded" || pod.status().phase() == "Failed";
}

absl::StatusOr<AdminApi::ContainerPlace> PlaceOf(const v1::Pod& pod, std::string container) {
  AdminApi::ContainerPlace place;
  place.container = std::move(container);
  place.node = pod.spec().node_name();
  place.pod_uid = pod.metadata().uid();
  if (place.node.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("pod ", pod.metadata().name(), " does not have a host assigned"));
  }
  return place;
}

}  // namespace

absl::StatusOr<v1::Object> AdminApi::ReadPod(const std::string& ns, const std::string& pod) {
  admin::v1::ObjectRef ref;
  ref.set_resource("pods");
  ref.set_namespace_(ns);
  ref.set_name(pod);
  MUSTER_ASSIGN_OR_RETURN(const ObjectName name, ObjectName::Parse(ref));
  return objects_.Get(name.info->kind, name.ns, name.name);
}

absl::StatusOr<AdminApi::ContainerPlace> AdminApi::FindContainer(const std::string& ns,
                                                                 const std::string& pod,
                                                                 const std::string& container,
                                                                 Use use) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Object object, ReadPod(ns, pod));
  const v1::Pod& found = object.pod();
  if (use != Use::kLogs && IsFinished(found)) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot ", use == Use::kAttach ? "attach" : "exec into",
                     " a container in a completed pod; current phase is ", found.status().phase()));
  }
  MUSTER_ASSIGN_OR_RETURN(std::string chosen, ChooseContainer(found, container));
  return PlaceOf(found, std::move(chosen));
}

absl::StatusOr<AdminApi::ContainerPlace> AdminApi::FindRunningPod(const std::string& ns,
                                                                  const std::string& pod,
                                                                  const std::string& uid) {
  MUSTER_ASSIGN_OR_RETURN(const v1::Object object, ReadPod(ns, pod));
  const v1::Pod& found = object.pod();
  if (!uid.empty() && found.metadata().uid() != uid) {
    return absl::NotFoundError(absl::StrCat("pods \"", pod,
                                            "\" not found: there is another one of "
                                            "that name now"));
  }
  if (IsFinished(found)) {
    return absl::InvalidArgumentError(
        absl::StrCat("unable to forward port because pod is not running. Current status=",
                     found.status().phase()));
  }
  return PlaceOf(found, "");
}

absl::StatusOr<std::vector<v1::Object>> AdminApi::FindForTop(const admin::v1::TopRequest& request) {
  if (request.resource() != "pods" && request.resource() != "nodes") {
    return absl::InvalidArgumentError("only of pods and nodes it is known what they use");
  }
  const bool namespaced = request.resource() == "pods";
  if (!request.name().empty()) {
    admin::v1::GetRequest get;
    get.mutable_ref()->set_resource(request.resource());
    if (namespaced) get.mutable_ref()->set_namespace_(request.namespace_());
    get.mutable_ref()->set_name(request.name());
    MUSTER_ASSIGN_OR_RETURN(admin::v1::GetResponse found, Get(get));
    std::vector<v1::Object> one;
    one.push_back(std::move(*found.mutable_object()));
    return one;
  }
  admin::v1::ListRequest list;
  list.set_resource(request.resource());
  list.set_all_namespaces(namespaced && request.all_namespaces());
  if (namespaced && !request.all_namespaces()) list.set_namespace_(request.namespace_());
  list.set_label_selector(request.label_selector());
  list.set_field_selector(request.field_selector());
  MUSTER_ASSIGN_OR_RETURN(admin::v1::ListResponse found, List(list));
  return std::vector<v1::Object>(std::make_move_iterator(found.mutable_objects()->begin()),
                                 std::make_move_iterator(found.mutable_objects()->end()));
}

}  // namespace muster::coordinator
