#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/settings/settings.h"

namespace muster::coordinator {

// The settings as they would be for a coordinator started now.
using ReadSettings = std::function<absl::StatusOr<Settings>()>;

// A whole coordinator, from opening its store to the last byte: returns when SIGTERM or SIGINT came
// (OK), or when it could not start. With SIGHUP it reads its settings again; logLevel changes then,
// other changes are named in the log as waiting for a restart. Its loop is the calling thread,
// which has to have blocked these signals.
absl::Status RunCoordinator(const Settings& settings, const Clock& clock, ReadSettings read_again);

// Where agents would look for a coordinator with these settings on this host: HOST:PORT.
std::string AgentAddress(const Settings& settings);

}  // namespace muster::coordinator
