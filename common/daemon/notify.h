#pragma once

#include <string>

namespace muster {

// What a daemon tells systemd about itself. Nothing happens when it was not started by it.
// Thread-safe.

// It serves. Also `status`, one line for `systemctl status`.
void NotifyReady(const std::string& status);
void NotifyStatus(const std::string& status);
// It reads its settings anew; NotifyReady says that this is over.
void NotifyReloading();
// To be sent on every way out.
void NotifyStopping();

}  // namespace muster
