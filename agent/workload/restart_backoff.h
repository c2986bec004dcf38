#pragma once

#include <chrono>
#include <optional>

#include "common/base/clock.h"

namespace muster::agent {

// How long something that keeps failing is left alone.
struct BackoffLimits {
  std::chrono::seconds first{10};
  std::chrono::seconds ceiling{300};
  // A calm this long after the last try starts over.
  std::chrono::seconds steady_after{600};
};

// When a container that exited may be started again (Kubernetes: kubelet's container restart
// back-off).
//
// The first exit is answered at once; from then on a start waits until the newest exit is `wait()`
// old, and every start doubles the wait up to the ceiling. An exit more than `steady_after` later
// than the last start counts as a first one again. The exit code does not matter.
//
// A plain value without a clock; not on disk, so a new agent answers the next exit at once.
class RestartBackoff {
 public:
  explicit RestartBackoff(BackoffLimits limits = {}) : limits_(limits) {}

  // The moment the instance that ended at `exited_at` may be followed by another one; nullopt when
  // that is now.
  std::optional<MonoTime> HeldUntil(MonoTime exited_at, MonoTime now) const;

  // A start was decided, with `exited_at` the end of the instance before it.
  void OnStart(MonoTime exited_at, MonoTime now);

  // The wait in force, 0 before the first restart.
  std::chrono::seconds wait() const { return wait_; }

 private:
  bool Recovered(MonoTime exited_at) const;

  BackoffLimits limits_;
  std::chrono::seconds wait_{0};
  MonoTime last_start_{};
};

// When an image that could not be pulled may be tried again (Kubernetes: kubelet's image back-off,
// one for each pod and image): 10 s after the first failure, doubling up to the ceiling.
//
// A plain value without a clock.
class ImageBackoff {
 public:
  explicit ImageBackoff(BackoffLimits limits = {}) : limits_(limits) {}

  std::optional<MonoTime> HeldUntil(MonoTime now) const;
  void OnFailure(MonoTime now);

  std::chrono::seconds wait() const { return wait_; }

 private:
  BackoffLimits limits_;
  std::chrono::seconds wait_{0};
  MonoTime last_failure_{};
};

// The wait between tries of a step that fails for a local reason: `first`, doubling to `ceiling`,
// and back to `first` after a success. A plain value.
class RetryWait {
 public:
  RetryWait(std::chrono::milliseconds first, std::chrono::milliseconds ceiling)
      : first_(first), ceiling_(ceiling) {}

  // How long to wait after one more failure.
  std::chrono::milliseconds OnFailure();
  void OnSuccess() { next_ = std::chrono::milliseconds(0); }

 private:
  std::chrono::milliseconds first_, ceiling_;
  std::chrono::milliseconds next_{0};
};

}  // namespace muster::agent
