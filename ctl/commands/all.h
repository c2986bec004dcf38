#pragma once

#include "ctl/commands/command_line.h"

namespace muster::ctl {

// Every command musterctl has, in the order of its help.
void AddAllCommands(CommandLine& line);

}  // namespace muster::ctl
