#include "coordinator/store/object_store.h"

#include <chrono>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "google/protobuf/io/coded_stream.h"
#include "google/protobuf/io/zero_copy_stream_impl_lite.h"

namespace muster::coordinator {
namespace {

using Step = ObjectTransaction::Step;

absl::Status Unreadable(const std::string& key) {
  return absl::DataLossError(absl::StrCat("the stored value of ", key, " is not that object"));
}

void SetRevision(v1::Object& object, int64_t revision) {
  model::MutableMetadataOf(object).set_resource_version(absl::StrCat(revision));
}

}  // namespace

std::string EncodeObject(const v1::Object& object) {
  v1::Object stored = object;
  model::MutableMetadataOf(stored).clear_resource_version();
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);  // Maps in the order of their keys.
    MUSTER_CHECK(stored.SerializeToCodedStream(&coded));
  }
  return bytes;
}

absl::StatusOr<v1::Object> DecodeObject(const KeyValue& stored) {
  v1::Object object;
  if (!object.ParseFromString(stored.value)) return Unreadable(stored.key);
  if (object.object_case() == model::Kind::OBJECT_NOT_SET || KeyOf(object) != stored.key) {
    return Unreadable(stored.key);
  }
  SetRevision(object, stored.mod_revision);
  return object;
}

absl::StatusOr<int64_t> RevisionOf(const v1::Object& object) {
  const std::string& text = model::MetadataOf(object).resource_version();
  int64_t revision = 0;
  if (!absl::SimpleAtoi(text, &revision) || revision <= 0 || absl::StrCat(revision) != text) {
    return absl::InvalidArgumentError(
        absl::StrCat("metadata.resourceVersion \"", text, "\" is not a revision of the store"));
  }
  return revision;
}

absl::StatusOr<std::optional<ObjectChange>> ToObjectChange(const Change& change) {
  if (KindOfKey(change.kv.key) == model::Kind::OBJECT_NOT_SET) {
    return std::optional<ObjectChange>();
  }
  ObjectChange result;
  result.revision = change.kv.mod_revision;
  if (change.previous) {
    MUSTER_ASSIGN_OR_RETURN(result.previous, DecodeObject(*change.previous));
  }
  if (change.kind == Change::Kind::kPut) {
    result.kind = change.previous ? ObjectChange::Kind::kModified : ObjectChange::Kind::kAdded;
    MUSTER_ASSIGN_OR_RETURN(result.object, DecodeObject(change.kv));
  } else {
    MUSTER_CHECK(result.previous.has_value());  // Only what was there can be deleted.
    result.kind = ObjectChange::Kind::kDeleted;
    result.object = *result.previous;
    SetRevision(result.object, change.kv.mod_revision);
  }
  return std::optional<ObjectChange>(std::move(result));
}

std::string ObjectScope::Prefix() const {
  return kind == model::Kind::OBJECT_NOT_SET ? "/" : PrefixFor(kind, ns);
}

ObjectStore::ObjectStore(Store& store, const Clock& clock, RandomBits random)
    : store_(store), clock_(clock), random_(std::move(random)) {}

absl::StatusOr<v1::Object> ObjectStore::Get(model::Kind kind, std::string_view ns,
                                            std::string_view name) {
  // An empty name would be that of the whole kind, a slash one of another namespace.
  if (name.empty() || name.find('/') != std::string_view::npos) return ObjectNotFound(kind, name);
  MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(KeyFor(kind, ns, name)));
  if (!stored) return ObjectNotFound(kind, name);
  return DecodeObject(*stored);
}

absl::StatusOr<int64_t> ObjectStore::Scan(const ObjectScope& scope,
                                          const std::function<void(const v1::Object&)>& each) {
  absl::Status status;
  MUSTER_ASSIGN_OR_RETURN(const int64_t revision,
                          store_.Scan(scope.Prefix(), [&](const KeyValue& item) {
                            if (!status.ok() || KindOfKey(item.key) == model::Kind::OBJECT_NOT_SET)
                              return;
                            const absl::StatusOr<v1::Object> object = DecodeObject(item);
                            if (object.ok()) {
                              each(*object);
                            } else {
                              status = object.status();
                            }
                          }));
  if (!status.ok()) return status;
  return revision;
}

absl::StatusOr<ObjectList> ObjectStore::List(const ObjectScope& scope) {
  MUSTER_ASSIGN_OR_RETURN(const Listing listing, store_.List(scope.Prefix()));
  ObjectList result;
  result.revision = listing.revision;
  result.items.reserve(listing.items.size());
  for (const KeyValue& item : listing.items) {
    if (KindOfKey(item.key) == model::Kind::OBJECT_NOT_SET) continue;
    MUSTER_ASSIGN_OR_RETURN(v1::Object object, DecodeObject(item));
    result.items.push_back(std::move(object));
  }
  return result;
}

absl::StatusOr<std::unique_ptr<Watch>> ObjectStore::WatchFrom(const ObjectScope& scope,
                                                              int64_t after_revision,
                                                              OnObjectChanges on_changes) {
  // A value that cannot be read ends the watch for its user; what comes after is not told.
  auto translate = [on_changes = std::move(on_changes),
                    broken = false](absl::StatusOr<std::vector<Change>> changes) mutable {
    if (broken) return;
    if (!changes.ok()) return on_changes(changes.status());
    std::vector<ObjectChange> result;
    for (const Change& change : *changes) {
      absl::StatusOr<std::optional<ObjectChange>> translated = ToObjectChange(change);
      if (!translated.ok()) {
        broken = true;
        return on_changes(translated.status());
      }
      if (*translated) result.push_back(**std::move(translated));
    }
    if (!result.empty()) on_changes(std::move(result));
  };
  return store_.WatchFrom(scope.Prefix(), after_revision, std::move(translate));
}

void ObjectStore::Stamp(v1::Object& object) const {
  v1::ObjectMeta& metadata = model::MutableMetadataOf(object);
  if (metadata.uid().empty()) metadata.set_uid(NewUid(random_));
  if (!metadata.has_creation_timestamp()) {
    metadata.mutable_creation_timestamp()->set_seconds(
        std::chrono::floor<std::chrono::seconds>(clock_.Wall()).time_since_epoch().count());
  }
}

absl::StatusOr<CommittedObjects> ObjectStore::Commit(ObjectTransaction transaction) {
  Transaction raw{transaction.conditions(), transaction.writes()};
  CommittedObjects committed;
  for (Step& step : transaction.mutable_steps()) {
    const std::string& name = model::MetadataOf(step.object).name();
    if (name.empty() || name.find('/') != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat(std::string(model::InfoOf(step.object).plural),
                                                     " cannot be named \"", name, "\""));
    }
    const std::string key = KeyOf(step.object);
    if (step.expected_revision) raw.conditions.push_back({key, *step.expected_revision});
    if (step.kind == Step::Kind::kExpectUnchanged) continue;
    if (step.kind == Step::Kind::kDelete) {
      raw.writes.push_back({key, std::nullopt});
      continue;
    }
    if (step.kind == Step::Kind::kCreate) Stamp(step.object);
    raw.writes.push_back({key, EncodeObject(step.object)});
    committed.objects.push_back(step.object);
  }
  const absl::StatusOr<int64_t> revision = store_.Transact(raw);
  if (absl::IsAborted(revision.status())) return ExplainConflict(transaction, revision.status());
  if (!revision.ok()) return revision.status();
  committed.revision = *revision;
  for (v1::Object& object : committed.objects) SetRevision(object, *revision);
  return committed;
}

// The store says only that some condition did not hold. Asked again it may hold, when somebody
// has changed it back meanwhile; then the conflict is reported as it came.
absl::Status ObjectStore::ExplainConflict(const ObjectTransaction& transaction,
                                          const absl::Status& conflict) {
  for (const Step& step : transaction.steps()) {
    if (!step.expected_revision) continue;
    MUSTER_ASSIGN_OR_RETURN(const std::optional<KeyValue> stored, store_.Get(KeyOf(step.object)));
    const int64_t actual = stored ? stored->mod_revision : 0;
    if (actual == *step.expected_revision) continue;
    const model::Kind kind = step.object.object_case();
    const std::string& name = model::MetadataOf(step.object).name();
    if (step.kind == Step::Kind::kCreate) return ObjectExists(kind, name);
    return stored ? ObjectConflict(kind, name) : ObjectNotFound(kind, name);
  }
  return conflict;
}

}  // namespace muster::coordinator
