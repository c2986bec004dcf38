#pragma once

#include <functional>
#include <string>
#include <vector>

#include "ctl/commands/context.h"
#include "ctl/commands/selection.h"

namespace muster::ctl {

// Commands that change a few entries of objects that are there: label, annotate, taint, cordon.
struct EditOptions {
  std::vector<std::string> arguments;  // KIND NAME... CHANGE..., CHANGE is k=v or k-
  Selection selection;
  bool overwrite = false;
  DryRun dry_run = DryRun::kNone;
};

int RunLabel(Context& context, const EditOptions& options);
int RunAnnotate(Context& context, const EditOptions& options);
// CHANGE is key[=value]:Effect, key:Effect- or key-.
int RunTaint(Context& context, const EditOptions& options);
// Arguments are node names.
int RunCordon(Context& context, const EditOptions& options, bool unschedulable);

// All of them.
void AddEdits(CommandLine& line);

}  // namespace muster::ctl
