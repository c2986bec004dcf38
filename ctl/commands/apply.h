#pragma once

#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct ApplyOptions {
  std::vector<std::string> files;
  bool record = false;
  bool strict = false;
  DryRun dry_run = DryRun::kNone;
  bool namespace_given = false;  // -n was on the command line: files must not say another one.
  std::string change_cause;      // What --record stores.
  std::string output;            // "", "name", "json", "yaml"
};

// musterctl apply: all objects of all files in one transaction.
int RunApply(Context& context, const ApplyOptions& options);

void AddApply(CommandLine& line);

}  // namespace muster::ctl
