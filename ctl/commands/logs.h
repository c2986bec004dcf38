#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "ctl/commands/context.h"

namespace muster::ctl {

struct LogsOptions {
  std::vector<std::string> arguments;  // POD [CONTAINER], pod/NAME or ds/NAME; none with -l
  std::string selector;                // All pods with these labels.
  std::string container;
  bool all_containers = false;
  bool all_pods = true;  // Of ds/NAME; else one of them.
  bool prefix = false;   // With the pod and container before each line.
  bool follow = false, previous = false, timestamps = false;
  std::optional<int64_t> tail_lines, since_seconds, limit_bytes;
  std::optional<absl::Time> since_time;
  absl::Time now;              // For since_time.
  int max_log_requests = 5;    // That are followed at once.
  bool ignore_errors = false;  // Of the logs: told, and no failure.
};

// musterctl logs: of one container as it comes, of several in the order of time.
int RunLogs(Context& context, const LogsOptions& options);

void AddLogs(CommandLine& line);

}  // namespace muster::ctl
