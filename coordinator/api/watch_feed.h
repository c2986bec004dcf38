#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/mutex.h"
#include "coordinator/api/object_query.h"
#include "coordinator/store/object_store.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// One change as somebody sees it who sees only what `query` selects: an object that begins to
// match is added, one that ceases to is deleted. Nothing for what was and is out of sight. Pure.
std::optional<admin::v1::WatchEvent> EventOf(const ObjectChange& change, const ObjectQuery& query);

// The events of one Watch call, one at a time as they are asked for.
//
// Thread-safe. Holds what has happened since the reader's last event, up to `waiting_max` changes
// and kWaitingBytesMax; a reader slower than that is ended with ResourceExhausted and may start
// again with a list.
class WatchFeed {
 public:
  // An event; or how the watch ended, once.
  using OnEvent = std::function<void(absl::StatusOr<admin::v1::WatchEvent>)>;

  static constexpr size_t kWaitingMax = 10'000;
  static constexpr size_t kWaitingBytesMax = 32 << 20;

  // Lists first, or resumes after `from_revision` when that is not 0. OutOfRange when the changes
  // since then are forgotten.
  static absl::StatusOr<std::unique_ptr<WatchFeed>> Start(ObjectStore& objects, ObjectQuery query,
                                                          int64_t from_revision,
                                                          size_t waiting_max = kWaitingMax);
  // After it no callback is running or will run.
  ~WatchFeed() = default;

  // Not again before `on_event` was called. On this thread, or on one of the store's: only hand
  // over, and do not destroy the feed within it.
  void Pull(OnEvent on_event) ABSL_LOCKS_EXCLUDED(mutex_);
  // Called once when the reader has fallen too far behind, on a thread of the store and under the
  // same rules: for who does not come back to pull, since what it was given last is never taken.
  void OnOverflow(std::function<void(const absl::Status&)> on_overflow) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  WatchFeed(ObjectQuery query, size_t waiting_max)
      : query_(std::move(query)), waiting_max_(waiting_max) {}
  void Take(absl::StatusOr<std::vector<ObjectChange>> changes) ABSL_LOCKS_EXCLUDED(mutex_);
  void Deliver() ABSL_LOCKS_EXCLUDED(mutex_);

  const ObjectQuery query_;
  const size_t waiting_max_;
  Mutex mutex_;
  std::deque<admin::v1::WatchEvent> initial_ ABSL_GUARDED_BY(mutex_);  // Before what waits.
  std::deque<admin::v1::WatchEvent> waiting_ ABSL_GUARDED_BY(mutex_);
  size_t waiting_bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::Status ended_ ABSL_GUARDED_BY(mutex_);  // Not OK: after what waits.
  OnEvent on_event_ ABSL_GUARDED_BY(mutex_);
  std::function<void(const absl::Status&)> on_overflow_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<Watch> watch_;  // Last, so that it ends first.
};

}  // namespace muster::coordinator
