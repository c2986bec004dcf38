#include "coordinator/controllers/event_recorder.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/kinds.h"
#include "coordinator/daemonset/pod_facts.h"
#include "coordinator/store/object_key.h"

namespace muster::coordinator {
namespace {

constexpr size_t kRememberedMax = 4096;

std::string SameAs(const v1::Event& event) {
  const v1::ObjectReference& about = event.involved_object();
  return absl::StrJoin({about.kind(), about.namespace_(), about.name(), about.uid(), event.type(),
                        event.reason(), event.message(), event.source().component()},
                       "\n");
}

}  // namespace

void EventRecorder::Add(const v1::Object& about, const Note& note, WallTime now,
                        ObjectTransaction& transaction) {
  const model::KindInfo& kind = model::InfoOf(about);
  const v1::ObjectMeta& about_meta = model::MetadataOf(about);
  v1::Object object = model::NewObject(*model::FindKind(v1::Object::kEvent));
  v1::Event& event = *object.mutable_event();
  v1::ObjectReference& reference = *event.mutable_involved_object();
  reference.set_kind(std::string(kind.name));
  reference.set_api_version(std::string(kind.api_version));
  reference.set_namespace_(about_meta.namespace_());
  reference.set_name(about_meta.name());
  reference.set_uid(about_meta.uid());
  event.set_type(note.warning ? "Warning" : "Normal");
  event.set_reason(note.reason);
  event.set_message(note.message);
  event.mutable_source()->set_component(std::string(note.source));
  event.set_reporting_component(std::string(note.source));
  *event.mutable_last_timestamp() = FromWallTime(now);
  if (const auto known = events_.find(SameAs(event)); known != events_.end()) {
    v1::Object again = known->second.object;
    again.mutable_event()->set_count(again.event().count() + 1);
    *again.mutable_event()->mutable_last_timestamp() = event.last_timestamp();
    for (const auto& step : transaction.steps()) {
      // Twice in one transaction says nothing new.
      if (KeyOf(step.object) == KeyOf(again)) return;
    }
    transaction.Update(std::move(again));
    return;
  }
  *event.mutable_first_timestamp() = event.last_timestamp();
  event.set_count(1);
  const int64_t nanos =
      std::chrono::duration_cast<std::chrono::nanoseconds>(now.time_since_epoch()).count();
  // Never twice, also when the clock was set back.
  last_name_ = std::max(nanos, last_name_ + 1);
  event.mutable_metadata()->set_name(
      absl::StrCat(about_meta.name(), ".", absl::Hex(static_cast<uint64_t>(last_name_))));
  event.mutable_metadata()->set_namespace_(
      about_meta.namespace_().empty() ? "default" : about_meta.namespace_());
  transaction.Create(std::move(object));
}

void EventRecorder::Committed(const v1::Object& object) {
  if (!object.has_event()) return;
  const std::string same = SameAs(object.event());
  auto it = events_.find(same);
  if (it == events_.end()) {
    it = events_.emplace(same, Remembered{object, by_age_.insert(by_age_.end(), same)}).first;
  }
  it->second.object = object;
  by_age_.splice(by_age_.end(), by_age_, it->second.age);
  if (events_.size() <= kRememberedMax) return;
  events_.erase(by_age_.front());
  by_age_.pop_front();
}

void EventRecorder::Forget() {
  events_.clear();
  by_age_.clear();
}

}  // namespace muster::coordinator
