#pragma once

#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"

namespace muster {

// Where other threads leave messages for the one thread that owns a state.
//
// Thread-safe. `wake` is called (on the posting thread, outside the lock) when the inbox turns
// from empty to non-empty; it has to make the owner call TakeAll soon, e.g. by an eventfd.
// Not bounded by itself: posters are bounded by what they have in flight (calls, streams).
template <typename Message>
class Inbox {
 public:
  explicit Inbox(std::function<void()> wake) : wake_(std::move(wake)) {}

  void Post(Message message) ABSL_LOCKS_EXCLUDED(mutex_) {
    bool first;
    {
      MutexLock lock(&mutex_);
      first = messages_.empty();
      messages_.push_back(std::move(message));
    }
    if (first && wake_) wake_();
  }

  std::vector<Message> TakeAll() ABSL_LOCKS_EXCLUDED(mutex_) {
    MutexLock lock(&mutex_);
    return std::exchange(messages_, {});
  }

 private:
  const std::function<void()> wake_;
  Mutex mutex_;
  std::vector<Message> messages_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster
