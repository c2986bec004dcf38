#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// The labels that the pods of a DaemonSet or a DaemonJob have. InvalidArgument for anything else.
absl::StatusOr<std::string> PodLabelsOf(const v1::Object& owner);

// The pod that POD, pod/NAME, ds/NAME or dj/NAME stands for; of the last two the first by name, and
// it says so on `err` when there are several.
absl::StatusOr<std::string> ResolvePod(Context& context, AdminClient& client,
                                       const std::string& argument);

}  // namespace muster::ctl
