#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "ctl/commands/context.h"
#include "ctl/commands/selection.h"

namespace muster::ctl {

// The commands of `rollout` that go back in time: history, undo, and restart.
struct HistoryOptions {
  std::vector<std::string> arguments;  // ds/NAME..., ds NAME..., ds with -l
  Selection selection;
  int64_t revision = 0;  // history: which one to show; undo: which one to go back to. 0: see there.
  DryRun dry_run = DryRun::kNone;
  absl::Time now;  // restart
};

// musterctl rollout history: a line for each revision, or the template of one.
int RunRolloutHistory(Context& context, const HistoryOptions& options);
// musterctl rollout undo: to `revision`, or to the one before the present one.
int RunRolloutUndo(Context& context, const HistoryOptions& options);
// musterctl rollout restart: the same template with another annotation, so every pod is replaced.
int RunRolloutRestart(Context& context, const HistoryOptions& options);

void AddHistory(CommandLine& line);

}  // namespace muster::ctl
