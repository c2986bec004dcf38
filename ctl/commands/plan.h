#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

// plan -f FILE: what each node would get from the DaemonSets in it, and what would be restarted,
// before anything is. The coordinator answers it; nothing is stored.
struct PlanOptions {
  std::vector<std::string> files;
};
int RunPlan(Context& context, const PlanOptions& options);

void AddPlan(CommandLine& line);

}  // namespace muster::ctl
