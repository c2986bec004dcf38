#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// The labels that the pods of a DaemonSet or a DaemonJob have. InvalidArgument for anything else.
absl::StatusOr<std::string> PodLabelsOf(const v1::Object& owner);

// The pod that POD, pod/NAME, ds/NAME or dj/NAME stands for; of the last two one that is ready, or
// else runs, or else any, the first by name; and it says so on `err` when there are several.
absl::StatusOr<std::string> ResolvePod(Context& context, AdminClient& client,
                                       const std::string& argument);
// Likewise, and what it is.
absl::StatusOr<v1::Pod> ReadPod(Context& context, AdminClient& client, const std::string& argument);

// The first of the most able: ready before running before others, and those being deleted last.
// `pods` are not empty.
const v1::Pod& MostAble(const std::vector<const v1::Pod*>& pods);

}  // namespace muster::ctl
