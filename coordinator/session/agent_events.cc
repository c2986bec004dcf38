#include "coordinator/session/agent_events.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/model/kinds.h"
#include "common/model/time_text.h"
#include "coordinator/store/object_store.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

constexpr char kComponent[] = "muster-agent";
// An agent's text is for people; what is longer is not.
constexpr size_t kMessageBytesMax = 1'024;

// Not through the middle of a UTF-8 character.
void Shorten(std::string& text) {
  if (text.size() <= kMessageBytesMax) return;
  size_t end = kMessageBytesMax;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
}

std::string SameAs(const std::string& node, const v1::Event& event) {
  const v1::ObjectReference& about = event.involved_object();
  return absl::StrJoin({node, about.kind(), about.namespace_(), about.name(), about.uid(),
                        about.field_path(), event.type(), event.reason(), event.message()},
                       "\n");
}

}  // namespace

AgentEvents::AgentEvents(Store& store, const Clock& clock, const Options& options,
                         RandomBits random)
    : store_(store), clock_(clock), options_(options), random_(std::move(random)) {}

void AgentEvents::Record(const std::string& node, v1::Event event) {
  Shorten(*event.mutable_message());
  const std::string same = SameAs(node, event);
  const v1::Time now = model::ToTime(absl::FromChrono(clock_.Wall()));
  const int count = std::max(event.count(), 1);
  auto it = events_.find(same);
  if (it != events_.end() && clock_.Mono() - it->second.last <= options_.aggregate_within) {
    v1::Event& known = *it->second.object.mutable_event();
    known.set_count(known.count() + count);
    *known.mutable_last_timestamp() = event.has_last_timestamp() ? event.last_timestamp() : now;
  } else {
    if (it == events_.end()) {
      it = events_.emplace(same, Remembered()).first;
      it->second.age = by_age_.insert(by_age_.end(), same);
    }
    it->second.object = NewEvent(node, std::move(event));
  }
  Remembered& remembered = it->second;
  remembered.last = clock_.Mono();
  by_age_.splice(by_age_.end(), by_age_, remembered.age);
  if (!std::exchange(remembered.dirty, true)) dirty_.push_back(same);
  if (events_.size() > options_.remembered_max) {
    const std::string oldest = by_age_.front();
    if (events_.at(oldest).dirty) dirty_.remove(oldest);
    events_.erase(oldest);
    by_age_.pop_front();
  }
}

v1::Object AgentEvents::NewEvent(const std::string& node, v1::Event event) {
  const absl::Time now = absl::FromChrono(clock_.Wall());
  v1::Object object = model::NewObject(*model::FindKind(v1::Object::kEvent));
  v1::Event& made = *object.mutable_event();
  v1::ObjectMeta& metadata = *made.mutable_metadata();
  const v1::ObjectReference& about = event.involved_object();
  // Nanoseconds as in Kubernetes; never twice, also when the clock was set back.
  last_name_ = std::max(absl::ToUnixNanos(now), last_name_ + 1);
  metadata.set_name(absl::StrCat(about.name(), ".", absl::Hex(last_name_)));
  metadata.set_namespace_(about.namespace_().empty() ? "default" : about.namespace_());
  metadata.set_uid(NewUid(random_));
  *metadata.mutable_creation_timestamp() = model::ToTime(now);

  *made.mutable_involved_object() = about;
  made.mutable_involved_object()->clear_resource_version();
  made.set_reason(event.reason());
  made.set_message(event.message());
  made.set_type(event.type().empty() ? "Normal" : event.type());
  made.set_count(std::max(event.count(), 1));
  *made.mutable_first_timestamp() =
      event.has_first_timestamp() ? event.first_timestamp() : model::ToTime(now);
  *made.mutable_last_timestamp() =
      event.has_last_timestamp() ? event.last_timestamp() : made.first_timestamp();
  made.mutable_source()->set_component(kComponent);
  made.mutable_source()->set_host(node);
  made.set_reporting_component(kComponent);
  made.set_reporting_instance(node);
  return object;
}

std::optional<MonoTime> AgentEvents::Flush() {
  if (retry_at_ && clock_.Mono() < *retry_at_) return retry_at_;
  while (!dirty_.empty()) {
    Transaction transaction;
    auto end = dirty_.begin();
    for (; end != dirty_.end() && transaction.writes.size() < options_.batch_max; ++end) {
      const v1::Object& object = events_.at(*end).object;
      transaction.writes.push_back({KeyOf(object), EncodeObject(object)});
    }
    const absl::Status status = store_.Transact(transaction).status();
    if (!status.ok()) {
      if (!retry_at_) {
        spdlog::error("cannot store {} events, trying again: {}", dirty_.size(), status.ToString());
      }
      retry_at_ = clock_.Mono() + options_.retry_after;
      return retry_at_;
    }
    for (auto it = dirty_.begin(); it != end; ++it) events_.at(*it).dirty = false;
    dirty_.erase(dirty_.begin(), end);
  }
  retry_at_.reset();
  return std::nullopt;
}

}  // namespace muster::coordinator
