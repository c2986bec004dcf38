#include "coordinator/api/watch_feed.h"

#include <utility>

#include "common/base/macros.h"

namespace muster::coordinator {

using admin::v1::WatchEvent;

std::optional<WatchEvent> EventOf(const ObjectChange& change, const ObjectQuery& query) {
  const bool is_there = change.kind != ObjectChange::Kind::kDeleted;
  const bool was_there = change.kind != ObjectChange::Kind::kAdded;
  const bool is_seen = is_there && query.Matches(change.object);
  // Without the object before it, take it for seen: a deletion too much does no harm.
  const bool was_seen = was_there && (!change.previous || query.Matches(*change.previous));
  if (!is_seen && !was_seen) return std::nullopt;
  WatchEvent event;
  event.set_type(!is_seen    ? WatchEvent::DELETED
                 : !was_seen ? WatchEvent::ADDED
                             : WatchEvent::MODIFIED);
  *event.mutable_object() = change.object;
  event.set_revision(change.revision);
  return event;
}

absl::StatusOr<std::unique_ptr<WatchFeed>> WatchFeed::Start(ObjectStore& objects, ObjectQuery query,
                                                            int64_t from_revision,
                                                            size_t waiting_max) {
  std::unique_ptr<WatchFeed> feed(new WatchFeed(std::move(query), waiting_max));
  const ObjectScope scope = feed->query_.scope();
  std::deque<WatchEvent> initial;
  if (from_revision == 0) {
    MUSTER_ASSIGN_OR_RETURN(ObjectList list, objects.List(scope));
    from_revision = list.revision;
    SortByName(list.items);
    for (v1::Object& object : list.items) {
      if (!feed->query_.Matches(object)) continue;
      WatchEvent& event = initial.emplace_back();
      event.set_type(WatchEvent::ADDED);
      event.set_revision(list.revision);
      *event.mutable_object() = std::move(object);
    }
  }
  WatchEvent& synced = initial.emplace_back();
  synced.set_type(WatchEvent::SYNCED);
  synced.set_revision(from_revision);
  {
    MutexLock lock(&feed->mutex_);
    feed->initial_ = std::move(initial);
  }
  MUSTER_ASSIGN_OR_RETURN(
      feed->watch_,
      objects.WatchFrom(scope, from_revision,
                        [feed = feed.get()](absl::StatusOr<std::vector<ObjectChange>> changes) {
                          feed->Take(std::move(changes));
                        }));
  return feed;
}

void WatchFeed::Pull(OnEvent on_event) {
  {
    MutexLock lock(&mutex_);
    MUSTER_CHECK(!on_event_);
    on_event_ = std::move(on_event);
  }
  Deliver();
}

void WatchFeed::OnOverflow(std::function<void(const absl::Status&)> on_overflow) {
  MutexLock lock(&mutex_);
  on_overflow_ = std::move(on_overflow);
}

void WatchFeed::Take(absl::StatusOr<std::vector<ObjectChange>> changes) {
  std::function<void(const absl::Status&)> overflow;
  absl::Status why;
  {
    MutexLock lock(&mutex_);
    if (!ended_.ok()) return;
    if (!changes.ok()) {
      ended_ = changes.status();
    } else {
      for (const ObjectChange& change : *changes) {
        if (std::optional<WatchEvent> event = EventOf(change, query_)) {
          waiting_bytes_ += event->ByteSizeLong();
          waiting_.push_back(*std::move(event));
        }
      }
      if (waiting_.size() > waiting_max_ || waiting_bytes_ > kWaitingBytesMax) {
        waiting_.clear();
        overflow = std::exchange(on_overflow_, nullptr);
        ended_ = absl::ResourceExhaustedError(
            "the watch fell too far behind; list again and go on from there");
      }
    }
    why = ended_;
  }
  Deliver();
  if (overflow) overflow(why);
}

void WatchFeed::Deliver() {
  OnEvent on_event;
  absl::StatusOr<WatchEvent> event = absl::UnknownError("");
  {
    MutexLock lock(&mutex_);
    std::deque<WatchEvent>& next = initial_.empty() ? waiting_ : initial_;
    if (!on_event_ || (next.empty() && ended_.ok())) return;
    if (next.empty()) {
      event = ended_;
    } else {
      event = std::move(next.front());
      if (&next == &waiting_) waiting_bytes_ -= event->ByteSizeLong();
      next.pop_front();
    }
    on_event = std::exchange(on_event_, nullptr);
  }
  on_event(std::move(event));
}

}  // namespace muster::coordinator
