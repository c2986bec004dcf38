#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"

namespace muster::coordinator {

// A call that goes on. Called on any thread.
class LiveCall {
 public:
  virtual ~LiveCall() = default;
  // Ends the call when its caller may not have it any more.
  virtual void CheckAgain() = 0;
  // When what its caller is known by ends; not set: it does not.
  virtual std::optional<WallTime> until() const = 0;
};

// All calls that go on: what their callers may do was looked at when they began, and is looked at
// again when that may have changed. Thread-safe.
class LiveCalls {
 public:
  // Called when a call has come that ends before the others, on any thread; before there are calls.
  void OnSooner(std::function<void()> on_sooner) { on_sooner_ = std::move(on_sooner); }

  void Add(const std::shared_ptr<LiveCall>& call) ABSL_LOCKS_EXCLUDED(mutex_);
  void Remove(const LiveCall* call) ABSL_LOCKS_EXCLUDED(mutex_);
  // When it returns, every call that may not go on is told to end.
  void CheckAll() ABSL_LOCKS_EXCLUDED(mutex_);
  // When to check again at the latest.
  std::optional<WallTime> FirstEnd() ABSL_LOCKS_EXCLUDED(mutex_);
  bool empty() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::function<void()> on_sooner_;
  mutable Mutex mutex_;
  std::map<const LiveCall*, std::weak_ptr<LiveCall>> calls_ ABSL_GUARDED_BY(mutex_);
  std::optional<WallTime> first_end_ ABSL_GUARDED_BY(mutex_);  // Or an earlier one.
};

}  // namespace muster::coordinator
