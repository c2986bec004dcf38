#include "coordinator/store/object_transaction.h"

#include "common/base/macros.h"
#include "coordinator/store/object_store.h"

namespace muster::coordinator {

void ObjectTransaction::Add(Step::Kind kind, v1::Object object,
                            std::optional<int64_t> expected_revision) {
  MUSTER_CHECK(object.object_case() != model::Kind::OBJECT_NOT_SET);
  steps_.push_back(Step{kind, std::move(object), expected_revision});
}

void ObjectTransaction::Create(v1::Object object) {
  Add(Step::Kind::kCreate, std::move(object), 0);
}

namespace {

// -1, which no object ever is at, when it says none: refused at the commit like an old one.
int64_t Expected(const v1::Object& object) { return RevisionOf(object).value_or(-1); }

}  // namespace

void ObjectTransaction::Update(v1::Object object) {
  const int64_t expected = Expected(object);
  Add(Step::Kind::kUpdate, std::move(object), expected);
}

void ObjectTransaction::Delete(v1::Object object) {
  const int64_t expected = Expected(object);
  Add(Step::Kind::kDelete, std::move(object), expected);
}

void ObjectTransaction::ExpectUnchanged(v1::Object object) {
  const int64_t expected = Expected(object);
  Add(Step::Kind::kExpectUnchanged, std::move(object), expected);
}

void ObjectTransaction::DeleteAny(model::Kind kind, std::string_view ns, std::string_view name) {
  const model::KindInfo* info = model::FindKind(kind);
  MUSTER_CHECK(info != nullptr);
  v1::Object object = model::NewObject(*info);
  v1::ObjectMeta& metadata = model::MutableMetadataOf(object);
  metadata.set_name(std::string(name));
  if (info->namespaced) metadata.set_namespace_(std::string(ns));
  Add(Step::Kind::kDelete, std::move(object), std::nullopt);
}

void ObjectTransaction::Append(const ObjectTransaction& other) {
  steps_.insert(steps_.end(), other.steps_.begin(), other.steps_.end());
  conditions_.insert(conditions_.end(), other.conditions_.begin(), other.conditions_.end());
  writes_.insert(writes_.end(), other.writes_.begin(), other.writes_.end());
}

}  // namespace muster::coordinator
