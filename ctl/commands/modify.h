#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// Changes one object in memory. An error is handed to the user as it is.
using Edit = std::function<absl::Status(v1::Object&)>;

struct Modified {
  v1::Object object;  // As it is now, or would be with a dry run.
  bool changed = false;
};

// Reads, edits and writes until nobody else wrote in between. Begins with `object` as it was read
// before, so that `edit` is called at least once; nothing is sent for a client's dry run or when
// `edit` changed nothing.
absl::StatusOr<Modified> Modify(AdminClient& client, v1::Object object, DryRun dry_run,
                                const Edit& edit);

}  // namespace muster::ctl
