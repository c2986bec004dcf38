#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>

#include "absl/base/thread_annotations.h"

namespace muster {

// A mutex whose holder can wait for a condition on what it guards, as absl::Mutex, which is not
// used because ThreadSanitizer cannot see into the distribution's build of it and takes everything
// it guards for a race.
//
// Conditions are callables that are called with the mutex held. Every change of what they look at
// has to be made with the mutex held: its release is what wakes those who wait.
class ABSL_LOCKABLE Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() ABSL_EXCLUSIVE_LOCK_FUNCTION() { mutex_.lock(); }
  void Unlock() ABSL_UNLOCK_FUNCTION() {
    WakeWaiters();
    mutex_.unlock();
  }
  // For conditions, which the analysis does not know to be called with the mutex held.
  void AssertHeld() const ABSL_ASSERT_EXCLUSIVE_LOCK() {}

  // The mutex is free while it waits.
  template <typename Condition>
  void Await(const Condition& condition) ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    Wait([&](std::unique_lock<std::mutex>& lock) {
      changed_.wait(lock, condition);
      return true;
    });
  }
  // False when `timeout` passed and the condition does not hold.
  template <typename Condition>
  bool AwaitFor(const Condition& condition, std::chrono::nanoseconds timeout)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(this) {
    return Wait([&](std::unique_lock<std::mutex>& lock) {
      return changed_.wait_for(lock, timeout, condition);
    });
  }

 private:
  template <typename Function>
  bool Wait(const Function& wait) {
    WakeWaiters();  // What was changed so far may be what others wait for.
    std::unique_lock<std::mutex> lock(mutex_, std::adopt_lock);
    ++waiters_;
    const bool result = wait(lock);
    --waiters_;
    lock.release();  // Stays locked.
    return result;
  }
  void WakeWaiters() {
    if (waiters_ > 0) changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int waiters_ = 0;  // Guarded by mutex_.
};

class ABSL_SCOPED_LOCKABLE MutexLock {
 public:
  explicit MutexLock(Mutex* mutex) ABSL_EXCLUSIVE_LOCK_FUNCTION(mutex) : mutex_(mutex) {
    mutex_->Lock();
  }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;
  ~MutexLock() ABSL_UNLOCK_FUNCTION() { mutex_->Unlock(); }

 private:
  Mutex* const mutex_;
};

}  // namespace muster
