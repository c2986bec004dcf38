#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ctl/commands/context.h"
#include "ctl/commands/drain_plan.h"

namespace muster::ctl {

struct DrainOptions {
  std::vector<std::string> nodes;
  std::string selector;      // Of nodes.
  std::string pod_selector;  // Only these pods.
  DrainRules rules;
  std::optional<int64_t> grace_period_seconds;       // Nothing: each pod's own.
  std::optional<std::chrono::milliseconds> timeout;  // For each node; nothing: without end.
  DryRun dry_run = DryRun::kNone;
};

// musterctl drain: cordons the nodes and ends what may be ended on them, one node after the other.
int RunDrain(Context& context, const DrainOptions& options);

void AddDrain(CommandLine& line);

}  // namespace muster::ctl
