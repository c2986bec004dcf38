#include "common/daemon/notify.h"

#include <systemd/sd-daemon.h>
#include <time.h>

#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"

namespace muster {
namespace {

// A line break would start another assignment.
std::string OneLine(const std::string& status) {
  return absl::StrReplaceAll(status, {{"\n", " "}});
}

// A failure means that systemd does not listen, which we can do nothing about.
void Notify(const std::string& state) { (void)sd_notify(/*unset_environment=*/0, state.c_str()); }

}  // namespace

void NotifyReady(const std::string& status) {
  Notify(absl::StrCat("READY=1\nSTATUS=", OneLine(status)));
}

void NotifyStatus(const std::string& status) { Notify(absl::StrCat("STATUS=", OneLine(status))); }

void NotifyReloading() {
  timespec now = {};
  (void)::clock_gettime(CLOCK_MONOTONIC, &now);
  const int64_t microseconds = int64_t{now.tv_sec} * 1'000'000 + now.tv_nsec / 1'000;
  // The time is for services of type notify-reload; others ignore it.
  Notify(
      absl::StrCat("RELOADING=1\nMONOTONIC_USEC=", microseconds, "\nSTATUS=Reading the settings"));
}

void NotifyStopping() { Notify("STOPPING=1\nSTATUS=Stopping"); }

}  // namespace muster
