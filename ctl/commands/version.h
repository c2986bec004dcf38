#pragma once

#include "ctl/commands/context.h"

namespace muster::ctl {

// musterctl version
int RunVersion(Context& context, bool client_only);

void AddVersion(CommandLine& line);

}  // namespace muster::ctl
