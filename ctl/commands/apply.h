#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "ctl/commands/context.h"
#include "ctl/commands/sources.h"

namespace muster::ctl {

struct ApplyOptions {
  SourceOptions sources;
  bool record = false;
  bool create_only = false;  // create: what is there already is an error.
  DryRun dry_run = DryRun::kNone;
  std::string change_cause;  // What --record stores.
  std::string output;        // "", or what ObjectFormat takes.
  bool wait = false;         // Follows the rollouts of the DaemonSets to their end.
  std::optional<std::chrono::milliseconds> timeout;  // For all of that together.
};

// musterctl apply and create: all objects of all files in one transaction.
int RunApply(Context& context, const ApplyOptions& options);

void AddApply(CommandLine& line);
void AddCreate(CommandLine& line);

}  // namespace muster::ctl
