#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// The pod that POD, pod/NAME or ds/NAME stands for; of a DaemonSet the first by name, and it says
// so on `err` when there are several.
absl::StatusOr<std::string> ResolvePod(Context& context, AdminClient& client,
                                       const std::string& argument);

}  // namespace muster::ctl
