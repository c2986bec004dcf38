#include "coordinator/controllers/service_loop.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/model/semantic_equal.h"
#include "coordinator/services/slices.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr auto kRetryAfter = 1s;

MonoTime After(MonoTime since, Duration wait) {
  return since + std::chrono::duration_cast<MonoTime::duration>(wait);
}

std::string KeyIn(const v1::ObjectMeta& metadata, const std::string& name) {
  return absl::StrCat(metadata.namespace_(), "/", name);
}

std::string LabelOf(const v1::ObjectMeta& metadata, const char* label) {
  const auto found = metadata.labels().find(label);
  return found == metadata.labels().end() ? "" : found->second;
}

// Whether it would find other pods, or see them otherwise.
bool SeesPodsAlike(const v1::Service& a, const v1::Service& b) {
  v1::Service left, right;
  for (const auto& [from, to] : {std::pair(&a, &left), std::pair(&b, &right)}) {
    *to->mutable_spec()->mutable_selector() = from->spec().selector();
    *to->mutable_spec()->mutable_ports() = from->spec().ports();
    to->mutable_spec()->set_type(from->spec().type());
    to->mutable_spec()->set_publish_not_ready_addresses(from->spec().publish_not_ready_addresses());
  }
  return model::SemanticallyEqual(left, right);
}

}  // namespace

ServiceLoop::ServiceLoop(ObjectStore& objects, const Clock& clock, Options options,
                         std::function<void()> wake, RandomBits random)
    : objects_(objects),
      clock_(clock),
      options_(std::move(options)),
      random_(std::move(random)),
      followed_(objects, "services", options_.watch_patience, std::move(wake)) {}

void ServiceLoop::WakeAt(MonoTime at) {
  if (!wake_at_ || at < *wake_at_) wake_at_ = at;
}

std::optional<MonoTime> ServiceLoop::Step() {
  const MonoTime now = clock_.Mono();
  wake_at_.reset();
  followed_.TakeChanges([this](const v1::Object& object, bool gone) { Absorb(object, gone); });
  if (!followed_.following()) {
    if (const absl::Status status = Resync(); !status.ok()) {
      spdlog::error("services: reading the store: {}", status.ToString());
      followed_.Lose();
      WakeAt(now + kRetryAfter);
      return wake_at_;
    }
  }
  if (const auto behind_until = followed_.BehindUntil(now)) {
    WakeAt(*behind_until);
  } else {
    Keep(now);
  }
  return wake_at_;
}

absl::Status ServiceLoop::Resync() {
  followed_.Lose();
  services_.clear();
  dirty_.clear();
  // Before the pods, which are looked at only when a Service selects them. What changes meanwhile
  // the watch brings once more.
  std::optional<int64_t> first;
  for (const model::Kind kind : {model::Kind::kService, model::Kind::kEndpointSlice,
                                 model::Kind::kEndpoints, model::Kind::kPod}) {
    MUSTER_ASSIGN_OR_RETURN(
        const int64_t revision,
        objects_.Scan({kind, ""}, [this](const v1::Object& object) { Absorb(object, false); }));
    if (!first) first = revision;
  }
  return followed_.Follow(*first);
}

void ServiceLoop::Absorb(const v1::Object& object, bool gone) {
  switch (object.object_case()) {
    case v1::Object::kService:
      return AbsorbService(object, gone);
    case v1::Object::kPod:
      return AbsorbPod(object.pod(), gone);
    case v1::Object::kEndpointSlice:
      return AbsorbSlice(object, gone);
    case v1::Object::kEndpoints:
      return AbsorbEndpoints(object, gone);
    default:
      return;
  }
}

void ServiceLoop::Soil(const std::string& key, State& state) {
  state.dirty = true;
  dirty_.insert(key);
}

void ServiceLoop::AbsorbService(const v1::Object& object, bool gone) {
  const v1::ObjectMeta& metadata = object.service().metadata();
  const std::string key = KeyIn(metadata, metadata.name());
  State& state = services_[key];
  Soil(key, state);
  if (gone) {
    state.service.reset();
    state.pods.clear();
    return;
  }
  const bool pods_are_known =
      state.service && SeesPodsAlike(state.service->service(), object.service());
  state.service = object;
  if (pods_are_known || !followed_.following()) return;  // A resync reads the pods afterwards.
  if (const absl::Status status = ReadPods(state); !status.ok()) {
    spdlog::warn("services: cannot read the pods of {}: {}", key, status.ToString());
    followed_.Lose();
  }
}

absl::Status ServiceLoop::ReadPods(State& state) {
  state.pods.clear();
  if (state.service->service().spec().selector().empty()) return absl::OkStatus();
  const std::string& ns = state.service->service().metadata().namespace_();
  return objects_
      .Scan({model::Kind::kPod, ns},
            [&](const v1::Object& object) { SetPod(state, object.pod(), false); })
      .status();
}

void ServiceLoop::AbsorbPod(const v1::Pod& pod, bool gone) {
  const std::string prefix = absl::StrCat(pod.metadata().namespace_(), "/");
  for (auto it = services_.lower_bound(prefix);
       it != services_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    if (!it->second.service) continue;
    SetPod(it->second, pod, gone);
    if (it->second.dirty) dirty_.insert(it->first);
  }
}

void ServiceLoop::SetPod(State& state, const v1::Pod& pod, bool gone) {
  const v1::Service& service = state.service->service();
  std::optional<EndpointFacts> facts;
  if (!gone && Selects(service, pod)) facts = FactsOf(service, pod);
  const auto known = state.pods.find(pod.metadata().name());
  if (!facts) {
    if (known == state.pods.end()) return;
    state.pods.erase(known);
  } else {
    if (known != state.pods.end() && known->second == *facts) return;
    state.pods.insert_or_assign(pod.metadata().name(), *std::move(facts));
  }
  state.dirty = true;
}

void ServiceLoop::AbsorbSlice(const v1::Object& object, bool gone) {
  const v1::ObjectMeta& metadata = object.endpoint_slice().metadata();
  const std::string name = metadata.name();
  // Its labels may have been taken off, and put on others.
  const std::string prefix = absl::StrCat(metadata.namespace_(), "/");
  const bool ours = !gone && LabelOf(metadata, kSliceManagerLabel) == kSliceManager;
  const std::string key = KeyIn(metadata, LabelOf(metadata, kServiceNameLabel));
  for (auto it = services_.lower_bound(prefix);
       it != services_.end() && it->first.compare(0, prefix.size(), prefix) == 0; ++it) {
    if (ours && it->first == key) continue;
    if (it->second.slices.erase(name) > 0) Soil(it->first, it->second);
  }
  if (!ours) return;
  State& state = services_[key];
  state.slices[name] = object;
  Soil(key, state);
}

void ServiceLoop::AbsorbEndpoints(const v1::Object& object, bool gone) {
  const v1::ObjectMeta& metadata = object.endpoints().metadata();
  const std::string key = KeyIn(metadata, metadata.name());
  State& state = services_[key];
  if (gone) {
    state.endpoints.reset();
  } else {
    state.endpoints = object;
  }
  Soil(key, state);
}

void ServiceLoop::Keep(MonoTime now) {
  CommitBatch batch([this](ObjectTransaction transaction) {
    return followed_.Commit(std::move(transaction)).status();
  });
  const std::set<std::string> due = std::exchange(dirty_, {});
  for (const std::string& key : due) {
    const auto found = services_.find(key);
    if (found == services_.end() || !found->second.dirty) continue;
    State& state = found->second;
    if (state.not_before > now) {
      dirty_.insert(key);
      WakeAt(state.not_before);
      continue;
    }
    state.dirty = false;
    ObjectTransaction transaction = Decide(state);
    if (!state.service && state.slices.empty() && !state.endpoints) {
      services_.erase(found);
      continue;
    }
    if (transaction.empty()) continue;
    state.not_before = After(now, options_.write_interval);
    batch.Add(std::move(transaction), [this, key, now](const absl::Status& status) {
      if (status.ok()) return;
      // A conflict means that the watch brings something newer.
      if (!absl::IsAborted(status) && !absl::IsNotFound(status) && !absl::IsAlreadyExists(status)) {
        spdlog::warn("service {}: {}", key, status.ToString());
      }
      const auto again = services_.find(key);
      if (again == services_.end()) return;
      Soil(key, again->second);
      again->second.not_before = now + kRetryAfter;
      WakeAt(again->second.not_before);
    });
  }
  batch.Flush();
}

ObjectTransaction ServiceLoop::Decide(State& state) {
  ObjectTransaction transaction;
  const bool has_places = state.service && state.service->service().spec().type() != "ExternalName";
  if (!has_places) {
    RemoveAll(state, transaction);
  } else {
    KeepService(state, transaction);
  }
  return transaction;
}

void ServiceLoop::RemoveAll(const State& state, ObjectTransaction& transaction) {
  for (const auto& [name, slice] : state.slices) transaction.Delete(slice);
  if (state.endpoints && IsOurs(state.endpoints->endpoints())) {
    transaction.Delete(*state.endpoints);
  }
}

std::vector<EndpointFacts> ServiceLoop::PlacesOf(const State& state) const {
  const v1::Service& service = state.service->service();
  if (service.spec().selector().empty()) {
    if (!state.endpoints || IsOurs(state.endpoints->endpoints())) return {};
    return FactsOf(service, state.endpoints->endpoints());
  }
  std::vector<EndpointFacts> places;
  for (const auto& [name, facts] : state.pods) places.push_back(facts);
  return places;
}

void ServiceLoop::KeepService(State& state, ObjectTransaction& transaction) {
  if (NeedsAllocation(state.service->service())) {
    TakenByServices taken;
    for (const auto& [key, other] : services_) {
      if (other.service && &other != &state) taken.Add(other.service->service());
    }
    v1::Object given = *state.service;
    const std::vector<Problem> problems =
        AllocateService(options_.ranges, taken, random_, *given.mutable_service());
    if (!problems.empty()) {
      spdlog::warn("service {}/{}: {}", given.service().metadata().namespace_(),
                   given.service().metadata().name(), problems.front().Text());
    } else if (!model::SemanticallyEqual(given, *state.service)) {
      // Its slices are those of what it will be then.
      transaction.Update(std::move(given));
      return;
    }
  }
  const v1::Service& service = state.service->service();
  const std::vector<EndpointFacts> places = PlacesOf(state);
  std::vector<const v1::EndpointSlice*> existing;
  for (const auto& [name, slice] : state.slices) existing.push_back(&slice.endpoint_slice());
  SlicePlan plan = PlanSlices(service, places, existing, random_);
  const auto wrapped = [](v1::EndpointSlice slice) {
    v1::Object object;
    *object.mutable_endpoint_slice() = std::move(slice);
    return object;
  };
  for (v1::EndpointSlice& slice : plan.create) transaction.Create(wrapped(std::move(slice)));
  for (v1::EndpointSlice& slice : plan.update) transaction.Update(wrapped(std::move(slice)));
  for (v1::EndpointSlice& slice : plan.remove) transaction.Delete(wrapped(std::move(slice)));
  if (service.spec().selector().empty()) return;  // Its Endpoints are somebody's own.

  v1::Object wanted;
  *wanted.mutable_endpoints() = MakeEndpoints(service, places);
  if (!state.endpoints) {
    transaction.Create(std::move(wanted));
    return;
  }
  v1::Object next = *state.endpoints;
  *next.mutable_endpoints()->mutable_subsets() = wanted.endpoints().subsets();
  v1::ObjectMeta& metadata = *next.mutable_endpoints()->mutable_metadata();
  *metadata.mutable_labels() = wanted.endpoints().metadata().labels();
  *metadata.mutable_annotations() = wanted.endpoints().metadata().annotations();
  *metadata.mutable_owner_references() = wanted.endpoints().metadata().owner_references();
  if (!model::SemanticallyEqual(next, *state.endpoints)) transaction.Update(std::move(next));
}

}  // namespace muster::coordinator
