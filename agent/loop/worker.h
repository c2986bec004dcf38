#pragma once

#include <deque>
#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace muster::agent {

// Where calls are made that may block on the disk. Tasks run one after the other, in order.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual void Run(std::function<void()> task) = 0;
};

// One thread. The destructor lets the task under way finish and drops the others.
// Run may be called from any thread.
class ThreadWorker final : public Worker {
 public:
  ThreadWorker();
  ~ThreadWorker() override;
  ThreadWorker(const ThreadWorker&) = delete;
  ThreadWorker& operator=(const ThreadWorker&) = delete;

  void Run(std::function<void()> task) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Loop() ABSL_LOCKS_EXCLUDED(mutex_);
  bool HasWork() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stop_ || !tasks_.empty(); }

  absl::Mutex mutex_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stop_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses the others.
};

}  // namespace muster::agent
