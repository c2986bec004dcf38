#include "common/daemon/notify.h"

#include <systemd/sd-daemon.h>

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

void NotifyStopping() { Notify("STOPPING=1\nSTATUS=Stopping"); }

}  // namespace muster
