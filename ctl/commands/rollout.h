#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct RolloutStatusOptions {
  std::vector<std::string> arguments;  // ds/NAME or ds NAME
  bool watch = true;
  std::optional<std::chrono::milliseconds> timeout;
};

// musterctl rollout status
int RunRolloutStatus(Context& context, const RolloutStatusOptions& options);

void AddRollout(CommandLine& line);

}  // namespace muster::ctl
