#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace muster::agent {

// Where calls are made that may block on the disk. Tasks run one after the other, in order.
class Worker {
 public:
  virtual ~Worker() = default;
  virtual void Run(std::function<void()> task) = 0;
};

// One thread, which starts with the first task. The destructor lets the task under way finish and
// drops the others. Run may be called from any thread.
class ThreadWorker final : public Worker {
 public:
  ThreadWorker() = default;
  ~ThreadWorker() override;
  ThreadWorker(const ThreadWorker&) = delete;
  ThreadWorker& operator=(const ThreadWorker&) = delete;

  void Run(std::function<void()> task) override;

 private:
  void Loop();

  // Of the standard library, since ThreadSanitizer cannot see into the archive's absl.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::function<void()>> tasks_;  // Guarded by mutex_.
  bool stop_ = false;                        // Guarded by mutex_.
  std::thread thread_;                       // Guarded by mutex_ until the end.
};

}  // namespace muster::agent
