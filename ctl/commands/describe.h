#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

// musterctl describe
int RunDescribe(Context& context, const std::vector<std::string>& arguments,
                const std::string& selector);

void AddDescribe(CommandLine& line);

}  // namespace muster::ctl
