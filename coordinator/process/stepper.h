#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "common/base/clock.h"
#include "common/daemon/event_loop.h"

namespace muster::coordinator {

// Turns something steppable on an event loop: when it is woken, and when its last step asked to be.
// Lives on the loop thread, and as long as the loop runs; Wake may be called on any thread.
class Stepper {
 public:
  // Does what is due; returns when it wants to be called again at the latest.
  using Step = std::function<std::optional<MonoTime>()>;

  explicit Stepper(EventLoop& loop) : loop_(loop), timer_(loop.NewTimer([this] { Run(); })) {}

  // Before anything wakes it.
  void Set(Step step) { step_ = std::move(step); }
  void Wake() {
    loop_.Post([this] { Run(); });
  }
  void Run() {
    if (const std::optional<MonoTime> next = step_()) {
      timer_->Set(*next);
    } else {
      timer_->Clear();
    }
  }

 private:
  EventLoop& loop_;
  const std::unique_ptr<EventLoop::Timer> timer_;
  Step step_;
};

}  // namespace muster::coordinator
