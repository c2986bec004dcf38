#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/model/kinds.h"
#include "common/model/labels.h"
#include "coordinator/api/field_selector.h"
#include "coordinator/store/object_store.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// NotFound for what is no resource.
absl::StatusOr<const model::KindInfo*> ResourceNamed(const std::string& resource);

// One object by kind and name. A namespaced kind without a namespace means namespace "default".
struct ObjectName {
  const model::KindInfo* info = nullptr;
  std::string ns;
  std::string name;

  // InvalidArgument without a name, NotFound for an unknown kind.
  static absl::StatusOr<ObjectName> Parse(const admin::v1::ObjectRef& ref);
};

// By namespace, then by name, as lists are shown.
void SortByName(std::vector<v1::Object>& objects);

// What a list or a watch selects. A plain value.
class ObjectQuery {
 public:
  // NotFound for an unknown kind, InvalidArgument for selectors that cannot be read.
  static absl::StatusOr<ObjectQuery> Parse(const admin::v1::ListRequest& request);

  const model::KindInfo& info() const { return *info_; }
  const ObjectScope& scope() const { return scope_; }
  // By labels and fields; scope is the caller's part.
  bool Matches(const v1::Object& object) const;

 private:
  ObjectQuery() = default;

  const model::KindInfo* info_ = nullptr;
  ObjectScope scope_;
  model::LabelQuery labels_;
  FieldSelector fields_;
};

}  // namespace muster::coordinator
