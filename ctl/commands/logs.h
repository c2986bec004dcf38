#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ctl/commands/context.h"

namespace muster::ctl {

struct LogsOptions {
  std::vector<std::string> arguments;  // POD [CONTAINER], pod/NAME or ds/NAME
  std::string container;
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> tail_lines, since_seconds, limit_bytes;
};

// musterctl logs
int RunLogs(Context& context, const LogsOptions& options);

void AddLogs(CommandLine& line);

}  // namespace muster::ctl
