#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ctl/client/admin_client.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

struct RolloutStatusOptions {
  std::vector<std::string> arguments;  // ds/NAME or ds NAME
  bool watch = true;
  bool all_nodes = false;  // Not done before nodes that cannot be reached are.
  bool nodes = false;      // Tell where each node stands, and why.
  bool live = false;       // In a region that is drawn anew; else a line for each change.
  std::optional<std::chrono::milliseconds> timeout;
};

// musterctl rollout status. Ends with kExitRolloutFailed when the rollout was halted or went back.
int RunRolloutStatus(Context& context, const RolloutStatusOptions& options);
// The same for a DaemonSet that is named already; the arguments of the options do not count.
int FollowRollout(Context& context, AdminClient& client, const admin::v1::ObjectRef& ref,
                  const RolloutStatusOptions& options);

void AddRollout(CommandLine& line);

}  // namespace muster::ctl
