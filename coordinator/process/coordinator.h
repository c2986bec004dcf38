#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "coordinator/settings/settings.h"

namespace muster::coordinator {

// A whole coordinator, from opening its store to the last byte: returns when SIGTERM or SIGINT came
// (OK), or when it could not start. Its loop is the calling thread, which has to have blocked these
// signals.
absl::Status RunCoordinator(const Settings& settings, const Clock& clock);

}  // namespace muster::coordinator
