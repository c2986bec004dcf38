#include "coordinator/api/object_query.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::coordinator {
namespace {

constexpr char kDefaultNamespace[] = "default";

std::string NamespaceOrDefault(const model::KindInfo& info, const std::string& ns) {
  if (!info.namespaced) return "";
  return ns.empty() ? kDefaultNamespace : ns;
}

}  // namespace

absl::StatusOr<const model::KindInfo*> ResourceNamed(const std::string& resource) {
  const model::KindInfo* info = model::FindResource(resource);
  if (info != nullptr) return info;
  return absl::NotFoundError(
      absl::StrCat("the server doesn't have a resource type \"", resource, "\""));
}

absl::StatusOr<ObjectName> ObjectName::Parse(const admin::v1::ObjectRef& ref) {
  ObjectName name;
  MUSTER_ASSIGN_OR_RETURN(name.info, ResourceNamed(ref.resource()));
  if (ref.name().empty()) return absl::InvalidArgumentError("resource name may not be empty");
  name.ns = NamespaceOrDefault(*name.info, ref.namespace_());
  name.name = ref.name();
  return name;
}

void SortByName(std::vector<v1::Object>& objects) {
  std::stable_sort(objects.begin(), objects.end(), [](const v1::Object& a, const v1::Object& b) {
    const v1::ObjectMeta& left = model::MetadataOf(a);
    const v1::ObjectMeta& right = model::MetadataOf(b);
    return std::tie(left.namespace_(), left.name()) < std::tie(right.namespace_(), right.name());
  });
}

absl::StatusOr<ObjectQuery> ObjectQuery::Parse(const admin::v1::ListRequest& request) {
  ObjectQuery query;
  MUSTER_ASSIGN_OR_RETURN(query.info_, ResourceNamed(request.resource()));
  query.scope_.kind = query.info_->kind;
  if (!request.all_namespaces()) {
    query.scope_.ns = NamespaceOrDefault(*query.info_, request.namespace_());
  }
  MUSTER_ASSIGN_OR_RETURN(query.labels_, model::LabelQuery::Parse(request.label_selector()));
  MUSTER_ASSIGN_OR_RETURN(query.fields_,
                          FieldSelector::Parse(request.field_selector(), *query.info_));
  return query;
}

bool ObjectQuery::Matches(const v1::Object& object) const {
  return labels_.Matches(model::MetadataOf(object).labels()) && fields_.Matches(object);
}

}  // namespace muster::coordinator
