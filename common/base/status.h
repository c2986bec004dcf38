#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace muster {

// The same code with "what: " in front of the message; payloads are kept. OK stays OK.
// Add what was being done once per layer.
absl::Status Annotate(const absl::Status& status, std::string_view what);

}  // namespace muster
