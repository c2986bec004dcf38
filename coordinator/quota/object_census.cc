#include "coordinator/quota/object_census.h"

#include <chrono>
#include <set>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "google/protobuf/message.h"

namespace muster::coordinator {
namespace {

using Step = ObjectTransaction::Step;

// Counting reads the whole store: who is refused again and again must not have it done each time.
constexpr std::chrono::seconds kCountAgainAfter{10};

// The controller of a pod, by its uid; empty: it has none.
std::string ControllerOf(const v1::Object& object) {
  for (const v1::OwnerReference& owner : object.pod().metadata().owner_references()) {
    if (owner.controller()) return owner.uid();
  }
  return "";
}

// Anybody can write that a pod has a controller, so whether it is there is another question.
bool IsCounted(const v1::Object& object) {
  switch (object.object_case()) {
    case v1::Object::kEvent:
    case v1::Object::kControllerRevision:
    case v1::Object::kEndpoints:
    case v1::Object::kEndpointSlice:
    case v1::Object::kNode:
    case v1::Object::OBJECT_NOT_SET:
      return false;
    case v1::Object::kPod:
      return ControllerOf(object).empty();
    default:
      return true;
  }
}

bool HasPods(model::Kind kind) {
  return kind == model::Kind::kDaemonSet || kind == model::Kind::kDaemonJob ||
         kind == model::Kind::kNode;
}

// Without its status, which controllers and agents write: what they add would be taken away with
// the object, without ever having been counted.
int64_t SizeOf(const v1::Object& object) {
  const google::protobuf::Message& message = model::MessageOf(object);
  const google::protobuf::FieldDescriptor* status =
      message.GetDescriptor()->FindFieldByName("status");
  int64_t size = static_cast<int64_t>(message.ByteSizeLong());
  if (status != nullptr &&
      status->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE &&
      message.GetReflection()->HasField(message, status)) {
    size -=
        static_cast<int64_t>(message.GetReflection()->GetMessage(message, status).ByteSizeLong());
  }
  return size;
}

std::string NameOf(const v1::Object& object) {
  return absl::StrCat(std::string(model::InfoOf(object).plural), " \"",
                      model::MetadataOf(object).name(), "\" is forbidden: exceeded quota: ");
}

std::string MiB(int64_t bytes) { return absl::StrCat((bytes + (1 << 20) - 1) >> 20, " MiB"); }

}  // namespace

void ObjectCensus::Counts::Add(const v1::Object& object, int64_t objects, int64_t bytes) {
  const std::string& ns = model::MetadataOf(object).namespace_();
  for (Count* count : {&all, &by_namespace[ns]}) {
    count->objects += objects;
    count->bytes += bytes;
  }
  by_kind[{ns, object.object_case()}] += objects;
}

absl::StatusOr<std::unique_ptr<ObjectCensus>> ObjectCensus::Open(ObjectStore& objects,
                                                                 const Clock& clock,
                                                                 const Limits& limits) {
  std::unique_ptr<ObjectCensus> census(new ObjectCensus(objects, clock, limits));
  MutexLock lock(&census->mutex_);
  MUSTER_RETURN_IF_ERROR(census->CountAll());
  return census;
}

absl::Status ObjectCensus::CountAll() {
  Counts counts;
  // Pods are the last of all kinds but events.
  std::set<std::string> controllers;
  for (const model::KindInfo& kind : model::AllKinds()) {
    const bool counted = IsCounted(model::NewObject(kind));
    if (!counted && !HasPods(kind.kind)) continue;
    MUSTER_RETURN_IF_ERROR(objects_
                               .Scan({kind.kind, ""},
                                     [&](const v1::Object& object) {
                                       if (HasPods(kind.kind))
                                         controllers.insert(model::MetadataOf(object).uid());
                                       const bool is_pod_of_nobody =
                                           object.has_pod() &&
                                           !controllers.contains(ControllerOf(object));
                                       if (IsCounted(object) || is_pod_of_nobody) {
                                         counts.Add(object, 1, SizeOf(object));
                                       }
                                     })
                               .status());
  }
  counts_ = std::move(counts);
  return absl::OkStatus();
}

absl::StatusOr<bool> ObjectCensus::HasItsController(const v1::Object& pod) {
  for (const v1::OwnerReference& owner : pod.pod().metadata().owner_references()) {
    const model::KindInfo* kind = model::FindKind(owner.api_version(), owner.kind());
    if (!owner.controller() || kind == nullptr || !HasPods(kind->kind)) continue;
    const std::string ns = kind->namespaced ? pod.pod().metadata().namespace_() : "";
    const absl::StatusOr<v1::Object> stored = objects_.Get(kind->kind, ns, owner.name());
    if (absl::IsNotFound(stored.status())) return false;
    MUSTER_RETURN_IF_ERROR(stored.status());
    return model::MetadataOf(*stored).uid() == owner.uid();
  }
  return false;
}

// In doubt it is more: that is found out by counting anew, and what is less is not.
absl::StatusOr<ObjectCensus::Counts> ObjectCensus::ChangeOf(const ObjectTransaction& transaction) {
  Counts change;
  for (const Step& step : transaction.steps()) {
    const v1::ObjectMeta& metadata = model::MetadataOf(step.object);
    if (step.kind == Step::Kind::kCreate && step.object.has_pod() && !IsCounted(step.object)) {
      MUSTER_ASSIGN_OR_RETURN(const bool has_controller, HasItsController(step.object));
      if (!has_controller) change.Add(step.object, 1, SizeOf(step.object));
      continue;
    }
    switch (step.kind) {
      case Step::Kind::kExpectUnchanged:
        break;
      case Step::Kind::kCreate:
        if (IsCounted(step.object)) change.Add(step.object, 1, SizeOf(step.object));
        break;
      case Step::Kind::kUpdate:
      case Step::Kind::kDelete: {
        const absl::StatusOr<v1::Object> stored =
            objects_.Get(step.object.object_case(), metadata.namespace_(), metadata.name());
        // The transaction will not go through.
        if (absl::IsNotFound(stored.status())) break;
        MUSTER_RETURN_IF_ERROR(stored.status());
        if (!IsCounted(*stored)) break;
        if (step.kind == Step::Kind::kDelete) {
          change.Add(step.object, -1, -SizeOf(*stored));
        } else {
          change.Add(step.object, 0, SizeOf(step.object) - SizeOf(*stored));
        }
        break;
      }
    }
  }
  return change;
}

absl::Status ObjectCensus::Refusal(const ObjectTransaction& transaction,
                                   const Counts& change) const {
  const auto over = [](int64_t now, int64_t more, int64_t most) {
    return more > 0 && now + more > most;
  };
  for (const Step& step : transaction.steps()) {
    const std::string& ns = model::MetadataOf(step.object).namespace_();
    const std::string where = ns.empty() ? "the fleet" : absl::StrCat("namespace \"", ns, "\"");
    const std::pair key(ns, step.object.object_case());
    const auto of = [](const auto& map, const auto& at) {
      const auto found = map.find(at);
      return found == map.end() ? typename std::decay_t<decltype(map)>::mapped_type{}
                                : found->second;
    };
    std::string why;
    const int64_t kind_now = of(counts_.by_kind, key), kind_more = of(change.by_kind, key);
    const Count ns_now = of(counts_.by_namespace, ns), ns_more = of(change.by_namespace, ns);
    if (step.kind == Step::Kind::kCreate &&
        over(kind_now, kind_more, limits_.objects_per_namespace)) {
      why = absl::StrCat(where, " has ", kind_now, " ",
                         std::string(model::InfoOf(step.object).plural), ", and may have ",
                         limits_.objects_per_namespace, " (limits.objectsPerNamespace");
    } else if (step.kind == Step::Kind::kCreate &&
               over(counts_.all.objects, change.all.objects, limits_.objects)) {
      why = absl::StrCat("there are ", counts_.all.objects, " objects, and may be ",
                         limits_.objects, " (limits.objects");
    } else if (over(ns_now.bytes, ns_more.bytes, limits_.bytes_per_namespace)) {
      why = absl::StrCat(where, " holds ", MiB(ns_now.bytes), ", and may hold ",
                         MiB(limits_.bytes_per_namespace), " (limits.dataPerNamespaceMiB");
    } else if (over(counts_.all.bytes, change.all.bytes, limits_.bytes)) {
      why = absl::StrCat("the store holds ", MiB(counts_.all.bytes), ", and may hold ",
                         MiB(limits_.bytes), " (limits.dataMiB");
    } else {
      continue;
    }
    return absl::ResourceExhaustedError(
        absl::StrCat(NameOf(step.object), why, " of the coordinator's settings)"));
  }
  return absl::OkStatus();
}

absl::Status ObjectCensus::CheckLocked(const ObjectTransaction& transaction) {
  MUSTER_ASSIGN_OR_RETURN(const Counts change, ChangeOf(transaction));
  const absl::Status refused = Refusal(transaction, change);
  const MonoTime now = clock_.Mono();
  if (refused.ok() || (count_again_at_ && now < *count_again_at_)) return refused;
  count_again_at_ = now + kCountAgainAfter;
  MUSTER_RETURN_IF_ERROR(CountAll());
  return Refusal(transaction, change);
}

absl::Status ObjectCensus::Check(const ObjectTransaction& transaction) {
  MutexLock lock(&mutex_);
  return CheckLocked(transaction);
}

absl::StatusOr<CommittedObjects> ObjectCensus::Commit(ObjectTransaction transaction) {
  MutexLock lock(&mutex_);
  MUSTER_RETURN_IF_ERROR(CheckLocked(transaction));
  MUSTER_ASSIGN_OR_RETURN(Counts change, ChangeOf(transaction));
  const std::vector<Step> steps = transaction.steps();
  MUSTER_ASSIGN_OR_RETURN(CommittedObjects committed, objects_.Commit(std::move(transaction)));
  // What was filled in on the way will be taken away with the rest.
  size_t written = 0;
  for (const Step& step : steps) {
    if (step.kind != Step::Kind::kCreate && step.kind != Step::Kind::kUpdate) continue;
    const v1::Object& object = committed.objects[written++];
    if (IsCounted(object)) change.Add(object, 0, SizeOf(object) - SizeOf(step.object));
  }
  counts_.all.objects += change.all.objects;
  counts_.all.bytes += change.all.bytes;
  for (const auto& [ns, count] : change.by_namespace) {
    counts_.by_namespace[ns].objects += count.objects;
    counts_.by_namespace[ns].bytes += count.bytes;
  }
  for (const auto& [key, objects] : change.by_kind) counts_.by_kind[key] += objects;
  return committed;
}

}  // namespace muster::coordinator
