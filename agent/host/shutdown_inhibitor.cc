#include "agent/host/shutdown_inhibitor.h"

#include <fcntl.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr char kLogind[] = "org.freedesktop.login1";
constexpr char kLogindPath[] = "/org/freedesktop/login1";
constexpr char kManager[] = "org.freedesktop.login1.Manager";
constexpr char kProperties[] = "org.freedesktop.DBus.Properties";
constexpr char kDisconnected[] =
    "type='signal',path='/org/freedesktop/DBus/Local',interface='org.freedesktop.DBus.Local',"
    "member='Disconnected'";

constexpr milliseconds kRetryFirst{1'000}, kRetryCeiling{30'000};
// logind reads its configuration when it gets to it.
constexpr milliseconds kLookAgain{100};
constexpr int kLooksMax = 50;

absl::Status StatusOf(int result, std::string_view doing) {
  if (result >= 0) return absl::OkStatus();
  return absl::ErrnoToStatus(-result, std::string(doing));
}

absl::Status ErrorOf(sd_bus_message* reply, std::string_view doing) {
  const sd_bus_error* error = sd_bus_message_get_error(reply);
  if (error == nullptr) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(
      std::string(doing), ": ", error->message != nullptr ? error->message : error->name));
}

}  // namespace

// Each gets the inhibitor as its userdata; a floating slot goes with its bus.
struct ShutdownInhibitor::Calls {
  static int Disconnected(sd_bus_message*, void* userdata, sd_bus_error*) {
    auto* self = static_cast<ShutdownInhibitor*>(userdata);
    self->Fail(absl::UnavailableError("the system bus hung up"));
    return 0;
  }
  static int Matched(sd_bus_message* reply, void* userdata, sd_bus_error*) {
    auto* self = static_cast<ShutdownInhibitor*>(userdata);
    absl::Status status = ErrorOf(reply, "listening to logind");
    // Not before: a shutdown in between would go unnoticed.
    if (status.ok()) status = self->AskDelay();
    if (!status.ok()) self->Fail(status);
    return 0;
  }
  static int Delay(sd_bus_message* reply, void* userdata, sd_bus_error*) {
    auto* self = static_cast<ShutdownInhibitor*>(userdata);
    uint64_t microseconds = 0;
    absl::Status status = ErrorOf(reply, "asking how long logind waits");
    if (status.ok()) {
      status = StatusOf(sd_bus_message_read(reply, "v", "t", &microseconds), "reading its answer");
    }
    if (!status.ok()) {
      self->Fail(status);
      return 0;
    }
    self->OnDelay(std::chrono::microseconds(std::min<uint64_t>(
        microseconds, std::chrono::microseconds(std::chrono::hours(9999)).count())));
    return 0;
  }
  static int Reloaded(sd_bus_message* reply, void* userdata, sd_bus_error*) {
    auto* self = static_cast<ShutdownInhibitor*>(userdata);
    const absl::Status status = ErrorOf(reply, "having logind read its configuration");
    if (status.ok()) {
      self->retry_->Set(self->clock_.Mono() + kLookAgain);
    } else {
      self->Fail(status);
    }
    return 0;
  }
  static int Lock(sd_bus_message* reply, void* userdata, sd_bus_error*) {
    auto* self = static_cast<ShutdownInhibitor*>(userdata);
    int fd = -1;
    absl::Status status = ErrorOf(reply, "asking logind for a delay lock");
    if (status.ok()) status = StatusOf(sd_bus_message_read(reply, "h", &fd), "reading the lock");
    // The message's own descriptor goes with it.
    const int own = status.ok() ? ::fcntl(fd, F_DUPFD_CLOEXEC, 3) : -1;
    if (status.ok() && own < 0) status = absl::ErrnoToStatus(errno, "keeping the lock");
    if (status.ok()) {
      self->OnLock(own);
    } else {
      self->Fail(status);
    }
    return 0;
  }
  static int Preparing(sd_bus_message* reply, void* userdata, sd_bus_error*) {
    int preparing = 0;
    if (sd_bus_message_get_error(reply) == nullptr &&
        sd_bus_message_read(reply, "v", "b", &preparing) >= 0 && preparing != 0) {
      static_cast<ShutdownInhibitor*>(userdata)->OnPrepare(true);
    }
    return 0;
  }
  static int Prepare(sd_bus_message* signal, void* userdata, sd_bus_error*) {
    int goes_down = 0;
    if (sd_bus_message_read(signal, "b", &goes_down) >= 0) {
      static_cast<ShutdownInhibitor*>(userdata)->OnPrepare(goes_down != 0);
    }
    return 0;
  }
};

ShutdownInhibitor::ShutdownInhibitor(EventLoop& loop, const Clock& clock, Options options,
                                     OnShutdown on_shutdown)
    : loop_(loop),
      clock_(clock),
      options_(std::move(options)),
      on_shutdown_(std::move(on_shutdown)),
      retry_(loop_.NewTimer([this] { Connect(); })) {
  Connect();
}

ShutdownInhibitor::~ShutdownInhibitor() {
  CloseBus();
  Release();
}

void ShutdownInhibitor::CloseBus() {
  if (bus_ == nullptr) return;
  sd_bus_detach_event(bus_);
  sd_bus_close(bus_);
  bus_ = sd_bus_unref(bus_);
}

void ShutdownInhibitor::Connect() {
  if (bus_ != nullptr && raised_ && sd_bus_is_open(bus_) > 0) {
    if (const absl::Status asked = AskDelay(); !asked.ok()) Fail(asked);
    return;
  }
  CloseBus();
  raised_ = false;
  if (const absl::Status opened = OpenBus(); !opened.ok()) Fail(opened);
}

absl::Status ShutdownInhibitor::OpenBus() {
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_new(&bus_), "connecting to the system bus"));
  const std::string address =
      options_.bus_address.empty() ? "unix:path=/run/dbus/system_bus_socket" : options_.bus_address;
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_set_address(bus_, address.c_str()), "the bus' address"));
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_set_bus_client(bus_, 1), "connecting to the system bus"));
  MUSTER_RETURN_IF_ERROR(StatusOf(sd_bus_start(bus_), "connecting to the system bus"));
  MUSTER_RETURN_IF_ERROR(
      StatusOf(sd_bus_attach_event(bus_, loop_.native(), 0), "listening to the system bus"));
  MUSTER_RETURN_IF_ERROR(StatusOf(
      sd_bus_add_match_async(bus_, nullptr, kDisconnected, Calls::Disconnected, nullptr, this),
      "listening to the system bus"));
  return StatusOf(
      sd_bus_match_signal_async(bus_, nullptr, kLogind, kLogindPath, kManager, "PrepareForShutdown",
                                Calls::Prepare, Calls::Matched, this),
      "listening to logind");
}

absl::Status ShutdownInhibitor::AskDelay() {
  return StatusOf(
      sd_bus_call_method_async(bus_, nullptr, kLogind, kLogindPath, kProperties, "Get",
                               Calls::Delay, this, "ss", kManager, "InhibitDelayMaxUSec"),
      "asking how long logind waits");
}

void ShutdownInhibitor::OnDelay(std::chrono::microseconds delay) {
  absl::Status status;
  if (delay >= options_.delay) {
    status = TakeLock();
  } else if (!raised_) {
    raised_ = true;
    looks_ = 0;
    status = RaiseDelay();
  } else if (++looks_ < kLooksMax) {
    retry_->Set(clock_.Mono() + kLookAgain);
  } else {
    spdlog::error(
        "shutdownGracePeriod is {} s, but logind holds up a shutdown for {} s only: some file sets "
        "InhibitDelayMaxSec= after {}",
        options_.delay.count(), std::chrono::floor<seconds>(delay).count(), options_.drop_in);
    status = TakeLock();  // Better than nothing.
  }
  if (!status.ok()) Fail(status);
}

absl::Status ShutdownInhibitor::RaiseDelay() {
  const std::filesystem::path path(options_.drop_in);
  MUSTER_RETURN_IF_ERROR(MakeDirectories(path.parent_path(), 0755));
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(
      path,
      absl::StrCat("# By muster-agent: its pods get shutdownGracePeriod to stop.\n[Login]\n",
                   "InhibitDelayMaxSec=", options_.delay.count(), "\n"),
      0644));
  return StatusOf(sd_bus_call_method_async(
                      bus_, nullptr, "org.freedesktop.systemd1", "/org/freedesktop/systemd1",
                      "org.freedesktop.systemd1.Manager", "KillUnit", Calls::Reloaded, this, "ssi",
                      "systemd-logind.service", "all", SIGHUP),
                  "having logind read its configuration");
}

absl::Status ShutdownInhibitor::TakeLock() {
  return StatusOf(sd_bus_call_method_async(bus_, nullptr, kLogind, kLogindPath, kManager, "Inhibit",
                                           Calls::Lock, this, "ssss", "shutdown", "muster-agent",
                                           "stops the pods of this host", "delay"),
                  "asking logind for a delay lock");
}

void ShutdownInhibitor::OnLock(int fd) {
  Release();
  lock_fd_ = fd;
  wait_ = milliseconds(0);
  if (!std::exchange(told_, "").empty()) spdlog::info("a shutdown of the host waits for the pods");
  // There is none while the host goes down, so we have missed that it stays.
  if (std::exchange(going_down_, false)) on_shutdown_(false);
}

void ShutdownInhibitor::OnPrepare(bool goes_down) {
  if (goes_down == going_down_) return;
  going_down_ = goes_down;
  if (!goes_down && !held()) {
    if (const absl::Status asked = TakeLock(); !asked.ok()) Fail(asked);
  }
  on_shutdown_(goes_down);
}

void ShutdownInhibitor::Release() {
  if (lock_fd_ >= 0) ::close(lock_fd_);
  lock_fd_ = -1;
}

void ShutdownInhibitor::Fail(const absl::Status& why) {
  const std::string text(why.message());
  if (text != told_) {
    spdlog::warn("a shutdown of the host would not wait for the pods, trying again: {}", text);
  }
  told_ = text;
  raised_ = false;
  wait_ = wait_ == milliseconds(0) ? kRetryFirst : std::min(wait_ * 2, kRetryCeiling);
  retry_->Set(clock_.Mono() + wait_);
  // Whoever asked logind while the host goes down is refused; the pods are stopped nevertheless.
  if (bus_ != nullptr && sd_bus_is_open(bus_) > 0) {
    (void)sd_bus_call_method_async(bus_, nullptr, kLogind, kLogindPath, kProperties, "Get",
                                   Calls::Preparing, this, "ss", kManager, "PreparingForShutdown");
  }
}

void RemoveDelaySetting(const std::string& drop_in) {
  std::error_code ignored;
  std::filesystem::remove(drop_in, ignored);
}

}  // namespace muster::agent
