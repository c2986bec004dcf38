#include "coordinator/quota/object_census.h"

#include <algorithm>
#include <chrono>
#include <type_traits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::coordinator {
namespace {

using Step = ObjectTransaction::Step;

// Counting reads the whole store: who is refused again and again must not have it done each time.
constexpr std::chrono::seconds kCountAgainAfter{10};

bool IsCounted(const v1::Object& object) {
  switch (object.object_case()) {
    case v1::Object::kEvent:
    case v1::Object::kControllerRevision:
    case v1::Object::kEndpoints:
    case v1::Object::kEndpointSlice:
    case v1::Object::kNode:
    case v1::Object::OBJECT_NOT_SET:
      return false;
    case v1::Object::kPod: {
      const auto& owners = object.pod().metadata().owner_references();
      return std::none_of(owners.begin(), owners.end(),
                          [](const auto& owner) { return owner.controller(); });
    }
    default:
      return true;
  }
}

int64_t SizeOf(const v1::Object& object) { return static_cast<int64_t>(object.ByteSizeLong()); }

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
  for (const model::KindInfo& kind : model::AllKinds()) {
    v1::Object any = model::NewObject(kind);
    if (!IsCounted(any)) continue;
    MUSTER_RETURN_IF_ERROR(objects_
                               .Scan({kind.kind, ""},
                                     [&](const v1::Object& object) {
                                       if (IsCounted(object)) counts.Add(object, 1, SizeOf(object));
                                     })
                               .status());
  }
  counts_ = std::move(counts);
  return absl::OkStatus();
}

absl::StatusOr<ObjectCensus::Counts> ObjectCensus::ChangeOf(const ObjectTransaction& transaction) {
  Counts change;
  for (const Step& step : transaction.steps()) {
    if (!IsCounted(step.object)) continue;
    const v1::ObjectMeta& metadata = model::MetadataOf(step.object);
    switch (step.kind) {
      case Step::Kind::kExpectUnchanged:
        break;
      case Step::Kind::kCreate:
        change.Add(step.object, 1, SizeOf(step.object));
        break;
      case Step::Kind::kUpdate:
      case Step::Kind::kDelete: {
        const absl::StatusOr<v1::Object> stored =
            objects_.Get(step.object.object_case(), metadata.namespace_(), metadata.name());
        // The transaction will not go through.
        if (absl::IsNotFound(stored.status())) break;
        MUSTER_RETURN_IF_ERROR(stored.status());
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
    if (!IsCounted(step.object)) continue;
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
  MUSTER_ASSIGN_OR_RETURN(const Counts change, ChangeOf(transaction));
  MUSTER_ASSIGN_OR_RETURN(CommittedObjects committed, objects_.Commit(std::move(transaction)));
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
