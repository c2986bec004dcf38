#pragma once

#include <functional>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/base/macros.h"
#include "common/base/mutex.h"

namespace muster::coordinator {

// Hands frames from one producer to one consumer, one at a time: the producer is told when its
// frame was taken and reads no more before that, so a slow consumer holds back the far end and
// nothing piles up here.
//
// Thread-safe. Callbacks run on the thread of the call that made them due, without a lock held.
template <typename Frame>
class Pipe {
 public:
  using OnTaken = std::function<void()>;
  // Nothing: the pipe is closed and empty.
  using OnFrame = std::function<void(std::optional<Frame>)>;

  // Not again before `on_taken`. Dropped, and never called, when the pipe is closed.
  void Push(Frame frame, OnTaken on_taken) {
    OnFrame on_frame;
    {
      MutexLock lock(&mutex_);
      if (closed_) return;
      MUSTER_CHECK(!frame_);
      if (!on_frame_) {
        frame_ = std::move(frame);
        on_taken_ = std::move(on_taken);
        return;
      }
      on_frame = std::exchange(on_frame_, nullptr);
    }
    on_frame(std::move(frame));
    on_taken();
  }

  // Not again before `on_frame` was called, once.
  void Pull(OnFrame on_frame) {
    std::optional<Frame> frame;
    OnTaken on_taken;
    {
      MutexLock lock(&mutex_);
      MUSTER_CHECK(!on_frame_);
      if (!frame_ && !closed_) {
        on_frame_ = std::move(on_frame);
        return;
      }
      frame = std::exchange(frame_, std::nullopt);
      on_taken = std::exchange(on_taken_, nullptr);
    }
    on_frame(std::move(frame));
    if (on_taken) on_taken();
  }

  // The consumer still gets a frame that waits for it; its producer, who can send nothing more, is
  // not told, and what its callback holds is let go: a consumer that left never takes the frame.
  // Closing again does nothing.
  void Close() {
    OnFrame on_frame;
    OnTaken on_taken;
    {
      MutexLock lock(&mutex_);
      closed_ = true;
      on_frame = std::exchange(on_frame_, nullptr);
      on_taken = std::exchange(on_taken_, nullptr);
    }
    if (on_frame) on_frame(std::nullopt);
  }

 private:
  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::optional<Frame> frame_ ABSL_GUARDED_BY(mutex_);
  OnTaken on_taken_ ABSL_GUARDED_BY(mutex_);  // With frame_, until it is closed.
  OnFrame on_frame_ ABSL_GUARDED_BY(mutex_);  // Only without frame_.
};

}  // namespace muster::coordinator
