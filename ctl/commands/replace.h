#pragma once

#include <string>

#include "ctl/commands/context.h"
#include "ctl/commands/sources.h"

namespace muster::ctl {

struct ReplaceOptions {
  SourceOptions sources;
  DryRun dry_run = DryRun::kNone;
  bool name_only = false;  // -o name
};

// musterctl replace: puts each object in place of the one of its name, which has to be there.
int RunReplace(Context& context, const ReplaceOptions& options);

void AddReplace(CommandLine& line);

}  // namespace muster::ctl
