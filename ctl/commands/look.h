#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

// Commands that only look: describe, rollout status, logs, version; and token create.

int RunDescribe(Context& context, const std::vector<std::string>& arguments,
                const std::string& selector);

struct RolloutStatusOptions {
  std::vector<std::string> arguments;  // ds/NAME or ds NAME
  bool watch = true;
  std::optional<std::chrono::milliseconds> timeout;
};
int RunRolloutStatus(Context& context, const RolloutStatusOptions& options);

struct LogsOptions {
  std::vector<std::string> arguments;  // POD [CONTAINER], pod/NAME or ds/NAME
  std::string container;
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> tail_lines, since_seconds, limit_bytes;
};
int RunLogs(Context& context, const LogsOptions& options);

struct TokenOptions {
  std::chrono::seconds ttl{0};
  int32_t uses = 0;
  bool token_only = false;
};
int RunTokenCreate(Context& context, const TokenOptions& options);

int RunVersion(Context& context, bool client_only);

// The pod that POD, pod/NAME or ds/NAME stands for; of a DaemonSet the first by name, and it says
// so on `err` when there are several.
absl::StatusOr<std::string> ResolvePod(Context& context, AdminClient& client,
                                       const std::string& argument);

}  // namespace muster::ctl
