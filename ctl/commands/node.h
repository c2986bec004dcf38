#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

class CommandLine;

// The keys of these nodes count for nothing from then on.
int RunNodeRevoke(Context& context, const std::vector<std::string>& names);

void AddNode(CommandLine& line);

}  // namespace muster::ctl
