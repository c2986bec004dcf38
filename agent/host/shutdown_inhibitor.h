#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/daemon/event_loop.h"

struct sd_bus;

namespace muster::agent {

// Holds up the shutdown of this host until the pods are stopped: a delay lock of systemd-logind,
// and word of when the host is about to go down.
//
// Asks over the system bus and never blocks the loop. When the bus, or logind, is away it is tried
// again; the log says so once. Where logind would not wait long enough, a file of its configuration
// is written and logind told to read it. The loop outlives it; loop thread only.
class ShutdownInhibitor {
 public:
  struct Options {
    std::chrono::seconds delay{0};  // How long it may take.
    std::string drop_in = "/etc/systemd/logind.conf.d/99-muster-agent.conf";
    std::string bus_address;  // Empty: the system bus.
  };
  // With true: the host goes down once Release was called. With false: it does not after all, and
  // the lock is taken again.
  using OnShutdown = std::function<void(bool goes_down)>;

  ShutdownInhibitor(EventLoop& loop, const Clock& clock, Options options, OnShutdown on_shutdown);
  ~ShutdownInhibitor();
  ShutdownInhibitor(const ShutdownInhibitor&) = delete;
  ShutdownInhibitor& operator=(const ShutdownInhibitor&) = delete;

  void Release();
  bool held() const { return lock_fd_ >= 0; }

 private:
  struct Calls;  // What sd-bus calls back.

  void Connect();
  absl::Status OpenBus();
  absl::Status AskDelay();
  void OnDelay(std::chrono::microseconds delay);
  absl::Status RaiseDelay();
  absl::Status TakeLock();
  void OnLock(int fd);
  void OnPrepare(bool goes_down);
  void Fail(const absl::Status& why);
  void CloseBus();

  EventLoop& loop_;
  const Clock& clock_;
  const Options options_;
  const OnShutdown on_shutdown_;
  const std::unique_ptr<EventLoop::Timer> retry_;
  std::chrono::milliseconds wait_{0};
  sd_bus* bus_ = nullptr;
  int lock_fd_ = -1;
  bool raised_ = false;  // We asked for a longer delay on this bus.
  int looks_ = 0;        // Since then.
  bool going_down_ = false;
  std::string told_;  // The last failure.
};

// For a host that waits no longer: an earlier agent may have written it.
void RemoveDelaySetting(const std::string& drop_in);

}  // namespace muster::agent
