#pragma once

#include <string>
#include <vector>

#include "ctl/commands/command_line.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

// Commands by which people steer a rollout that is on its way: `rollout pause`, `resume`,
// `promote` and `abort`.
enum class Steering { kPause, kResume, kPromote, kAbort };

// Arguments are ds/NAME or ds NAME..., several if they like. All are tried; the first failure
// decides the exit code.
int RunSteer(Context& context, Steering steering, const std::vector<std::string>& arguments);

// How the DaemonSet changes: in its annotations, with the revision that the user has seen.
// FailedPrecondition, in words, when there is nothing to do it to. Pure.
absl::Status Steer(Steering steering, v1::DaemonSet& daemon_set);

void AddSteering(CommandLine& line);

}  // namespace muster::ctl
