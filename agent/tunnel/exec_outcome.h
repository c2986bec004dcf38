#pragma once

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace muster::agent {

// What a runtime says about how an exec ended: a Kubernetes Status object in JSON on the error
// stream. The exit code of the command, or why it could not be run. DataLoss when it cannot be
// understood, in particular when it is empty: the runtime went away meanwhile.
absl::StatusOr<int32_t> ParseExecOutcome(std::string_view json);

}  // namespace muster::agent
