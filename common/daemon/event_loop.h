#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/inbox.h"

struct sd_event;
struct sd_event_source;

namespace muster {

// Keeps these signals for an EventLoop. Call it first in main: threads started later inherit it,
// and a thread that does not would be ended by the signal.
void BlockSignals(const std::vector<int>& signals);

// The one loop that owns the state of a daemon: everything it calls runs on the thread that calls
// Run, one after the other. Post and Quit may be called on any thread; everything else only on that
// thread, or before Run. Timers and sources have to go before the loop; they
// may go within their own callback.
class EventLoop {
 public:
  using Callback = std::function<void()>;

  // Calls back once when its time has come, as near to it as a millisecond, never before. Setting
  // it again moves it. Silent after its destruction.
  class Timer {
   public:
    ~Timer();
    Timer(const Timer&) = delete;
    Timer& operator=(const Timer&) = delete;

    void Set(MonoTime when);
    void Clear();

   private:
    friend class EventLoop;
    explicit Timer(Callback on_due)
        : on_due_(std::make_shared<const Callback>(std::move(on_due))) {}

    const std::shared_ptr<const Callback> on_due_;
    sd_event_source* source_ = nullptr;
  };

  // Something the loop waits for; ends with its destruction.
  class Source {
   public:
    ~Source();
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;

   private:
    friend class EventLoop;
    explicit Source(Callback callback)
        : callback_(std::make_shared<const Callback>(std::move(callback))) {}

    const std::shared_ptr<const Callback> callback_;
    sd_event_source* source_ = nullptr;
  };

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  // Has `task` called soon; tasks are called in the order they came. Those that come after the end
  // of Run are never called.
  void Post(Callback task);

  std::unique_ptr<Timer> NewTimer(Callback on_due);
  // Whenever `signal` comes, which BlockSignals has to have been told of.
  absl::StatusOr<std::unique_ptr<Source>> OnSignal(int signal, Callback callback);
  // Whenever there is something to read, for as long as there is. `fd` stays the caller's.
  absl::StatusOr<std::unique_ptr<Source>> OnReadable(int fd, Callback callback);
  // Whenever something can be written, for as long as it can. A descriptor has one source at most.
  absl::StatusOr<std::unique_ptr<Source>> OnWritable(int fd, Callback callback);

  // For libraries that add sources of their own (sd-bus). The loop's own thread only.
  sd_event* native() const { return event_; }

  // Tells systemd's watchdog that the loop still turns, when the unit asks for it.
  absl::Status KeepWatchdogQuiet();

  // Until Quit. OK then.
  absl::Status Run();
  void Quit();

 private:
  EventLoop() = default;
  void RunPosted();
  absl::StatusOr<std::unique_ptr<Source>> OnDescriptor(int fd, uint32_t events, Callback callback);

  sd_event* event_ = nullptr;
  int wake_fd_ = -1;
  std::unique_ptr<Source> wake_source_;
  std::unique_ptr<Inbox<Callback>> inbox_;
};

}  // namespace muster
