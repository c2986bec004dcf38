#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/random.h"
#include "coordinator/store/object_key.h"
#include "coordinator/store/object_transaction.h"
#include "coordinator/store/store.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// The bytes of an object in the store. metadata.resourceVersion is not among them: it is the
// revision that the store gives. Equal objects have equal bytes.
std::string EncodeObject(const v1::Object& object);
// With metadata.resourceVersion filled in. DataLoss when these are not the bytes of the object that
// has this key.
absl::StatusOr<v1::Object> DecodeObject(const KeyValue& stored);

// metadata.resourceVersion as a revision. InvalidArgument unless it is a decimal number over zero.
absl::StatusOr<int64_t> RevisionOf(const v1::Object& object);

struct ObjectList {
  int64_t revision = 0;           // Of the store when the list was taken.
  std::vector<v1::Object> items;  // By key.
};

struct ObjectChange {
  enum class Kind { kAdded, kModified, kDeleted };
  Kind kind = Kind::kAdded;
  // After the change. For a deletion: as it last was, with the deletion's resourceVersion.
  v1::Object object;
  std::optional<v1::Object> previous;  // Before it; for kModified and kDeleted.
  int64_t revision = 0;
};
// Nothing for a key that is not of an object. DataLoss as DecodeObject.
absl::StatusOr<std::optional<ObjectChange>> ToObjectChange(const Change& change);

// What a list or a watch is about.
struct ObjectScope {
  model::Kind kind = model::Kind::OBJECT_NOT_SET;  // OBJECT_NOT_SET: every kind.
  std::string ns;                                  // Empty: every namespace.
  std::string Prefix() const;
};

// What Commit did, in the order of the transaction's creates and updates.
struct CommittedObjects {
  int64_t revision = 0;
  std::vector<v1::Object> objects;  // With their new resourceVersion.
};

// The store as typed objects. Holds no state of its own; thread-safe if `random` is.
class ObjectStore {
 public:
  // As Store::OnChanges, but one call can be left out when a revision changed no object.
  using OnObjectChanges = std::function<void(absl::StatusOr<std::vector<ObjectChange>>)>;

  // `store` and `clock` have to outlive it.
  ObjectStore(Store& store, const Clock& clock, RandomBits random = &SystemRandomBits);

  // NotFound, in Kubernetes' words.
  absl::StatusOr<v1::Object> Get(model::Kind kind, std::string_view ns, std::string_view name);
  absl::StatusOr<ObjectList> List(const ObjectScope& scope);
  // The same one by one, however many there are; `each` must not call the store.
  absl::StatusOr<int64_t> Scan(const ObjectScope& scope,
                               const std::function<void(const v1::Object&)>& each);
  absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const ObjectScope& scope, int64_t after_revision,
                                                   OnObjectChanges on_changes);

  // Sets uid and creationTimestamp where they are empty, as Commit does to what it creates: for
  // who has to mention the uid elsewhere in the same transaction.
  void Stamp(v1::Object& object) const;

  // The errors are those of the first step that cannot be done; InvalidArgument when an object is
  // twice in it or has no name. Nothing is written then.
  absl::StatusOr<CommittedObjects> Commit(ObjectTransaction transaction);

  Store& store() { return store_; }

 private:
  absl::Status ExplainConflict(const ObjectTransaction& transaction, const absl::Status& conflict);

  Store& store_;
  const Clock& clock_;
  const RandomBits random_;
};

}  // namespace muster::coordinator
