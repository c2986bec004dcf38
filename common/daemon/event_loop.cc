#include "common/daemon/event_loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <systemd/sd-event.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster {
namespace {

constexpr uint64_t kAccuracyMicroseconds = 1000;

// sd-event answers negative errno.
absl::Status StatusOf(int result, std::string_view doing) {
  if (result >= 0) return absl::OkStatus();
  return absl::ErrnoToStatus(-result, std::string(doing));
}

// A callback may destroy what it is a member of, and so itself: it is kept until it returns.
int Call(std::shared_ptr<const EventLoop::Callback> callback) {
  (*callback)();
  return 0;
}

uint64_t ToMicroseconds(MonoTime when) {
  // Rounded up: a timer that is early makes its user wait again.
  const int64_t count =
      std::chrono::ceil<std::chrono::microseconds>(when.time_since_epoch()).count();
  return count < 0 ? 0 : static_cast<uint64_t>(count);
}

}  // namespace

void BlockSignals(const std::vector<int>& signals) {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : signals) sigaddset(&set, signal);
  MUSTER_CHECK(::pthread_sigmask(SIG_BLOCK, &set, nullptr) == 0);
}

EventLoop::Timer::~Timer() { sd_event_source_disable_unref(source_); }

void EventLoop::Timer::Set(MonoTime when) {
  MUSTER_CHECK(sd_event_source_set_time(source_, ToMicroseconds(when)) >= 0);
  MUSTER_CHECK(sd_event_source_set_enabled(source_, SD_EVENT_ONESHOT) >= 0);
}

void EventLoop::Timer::Clear() {
  MUSTER_CHECK(sd_event_source_set_enabled(source_, SD_EVENT_OFF) >= 0);
}

EventLoop::Source::~Source() { sd_event_source_disable_unref(source_); }

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  std::unique_ptr<EventLoop> loop(new EventLoop());
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_event_new(&loop->event_), "creating the event loop"));
  loop->wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (loop->wake_fd_ < 0) return absl::ErrnoToStatus(errno, "creating the event loop's eventfd");
  MUSTER_ASSIGN_OR_RETURN(loop->wake_source_, loop->OnReadable(loop->wake_fd_, [raw = loop.get()] {
    raw->RunPosted();
  }));
  loop->inbox_ = std::make_unique<Inbox<Callback>>([fd = loop->wake_fd_] {
    const uint64_t one = 1;
    // Fails only when the counter is full, and then the loop is awake anyway.
    (void)!::write(fd, &one, sizeof one);
  });
  return loop;
}

EventLoop::~EventLoop() {
  wake_source_.reset();
  if (wake_fd_ >= 0) ::close(wake_fd_);
  sd_event_unref(event_);
}

void EventLoop::Post(Callback task) { inbox_->Post(std::move(task)); }

void EventLoop::RunPosted() {
  uint64_t count;
  (void)!::read(wake_fd_, &count, sizeof count);  // Before taking: a later post wakes us again.
  for (const Callback& task : inbox_->TakeAll()) task();
}

std::unique_ptr<EventLoop::Timer> EventLoop::NewTimer(Callback on_due) {
  std::unique_ptr<Timer> timer(new Timer(std::move(on_due)));
  const auto call = [](sd_event_source*, uint64_t, void* userdata) {
    return Call(static_cast<Timer*>(userdata)->on_due_);
  };
  MUSTER_CHECK(sd_event_add_time(event_, &timer->source_, CLOCK_MONOTONIC, UINT64_MAX,
                                 kAccuracyMicroseconds, call, timer.get()) >= 0);
  timer->Clear();
  return timer;
}

absl::StatusOr<std::unique_ptr<EventLoop::Source>> EventLoop::OnSignal(int signal,
                                                                       Callback callback) {
  std::unique_ptr<Source> source(new Source(std::move(callback)));
  const auto call = [](sd_event_source*, const signalfd_siginfo*, void* userdata) {
    return Call(static_cast<Source*>(userdata)->callback_);
  };
  MUSTER_RETURN_IF_ERROR(
      StatusOf(sd_event_add_signal(event_, &source->source_, signal, call, source.get()),
               absl::StrCat("waiting for signal ", signal)));
  return source;
}

absl::StatusOr<std::unique_ptr<EventLoop::Source>> EventLoop::OnReadable(int fd,
                                                                         Callback callback) {
  return OnDescriptor(fd, EPOLLIN, std::move(callback));
}

absl::StatusOr<std::unique_ptr<EventLoop::Source>> EventLoop::OnWritable(int fd,
                                                                         Callback callback) {
  return OnDescriptor(fd, EPOLLOUT, std::move(callback));
}

absl::StatusOr<std::unique_ptr<EventLoop::Source>> EventLoop::OnDescriptor(int fd, uint32_t events,
                                                                           Callback callback) {
  std::unique_ptr<Source> source(new Source(std::move(callback)));
  const auto call = [](sd_event_source*, int, uint32_t, void* userdata) {
    return Call(static_cast<Source*>(userdata)->callback_);
  };
  MUSTER_RETURN_IF_ERROR(
      StatusOf(sd_event_add_io(event_, &source->source_, fd, events, call, source.get()),
               absl::StrCat("waiting on descriptor ", fd)));
  return source;
}

absl::Status EventLoop::KeepWatchdogQuiet() {
  return StatusOf(sd_event_set_watchdog(event_, 1), "setting up the watchdog");
}

absl::Status EventLoop::Run() { return StatusOf(sd_event_loop(event_), "running the event loop"); }

void EventLoop::Quit() {
  Post([this] { sd_event_exit(event_, 0); });
}

}  // namespace muster
