#pragma once

#include <string>

#include "ctl/commands/context.h"

namespace muster::ctl {

// musterctl version. `output` is "", "json" or "yaml".
int RunVersion(Context& context, bool client_only, const std::string& output = "");

void AddVersion(CommandLine& line);

}  // namespace muster::ctl
