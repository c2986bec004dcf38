#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"
#include "ctl/commands/selection.h"

namespace muster::ctl {

struct SetImageOptions {
  std::vector<std::string> arguments;  // Targets, then CONTAINER=IMAGE; "*" for all containers.
  Selection selection;
  DryRun dry_run = DryRun::kNone;
  std::string change_cause;  // What --record stores.
};

// musterctl set image
int RunSetImage(Context& context, const SetImageOptions& options);

void AddSet(CommandLine& line);

}  // namespace muster::ctl
