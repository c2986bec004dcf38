#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

// why ds/NAME [--node N], why pod/NAME: one cause on the first line, what else is known below it.
// Of a DaemonSet on all nodes, a line for each.
struct WhyOptions {
  std::vector<std::string> arguments;  // ds/NAME, pod/NAME or KIND NAME
  std::string node;
};
int RunWhy(Context& context, const WhyOptions& options);

void AddWhy(CommandLine& line);

}  // namespace muster::ctl
