#pragma once

#include <string>

#include "ctl/commands/context.h"

namespace muster::ctl {

// musterctl api-resources: the kinds of objects there are. `output` is "" or "name".
int RunApiResources(Context& context, const std::string& output, bool headers);

void AddApiResources(CommandLine& line);

}  // namespace muster::ctl
