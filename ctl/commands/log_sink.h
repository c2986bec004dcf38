#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "ctl/commands/log_merge.h"
#include "ctl/commands/logs.h"

namespace muster::ctl {

// One log that is asked for.
struct LogSource {
  std::string pod;
  std::string container;
};

// How the lines of one log are shown: from a time on, with times, with whose they are, and no more
// than --limit-bytes of it, which counts what the node would have sent. Not thread-safe.
class LogSink {
 public:
  LogSink(const LogsOptions& options, const LogSource& source);

  // What to print for a line, with its end; empty when it is not wanted.
  std::string Text(const LogLine& line);
  // Nothing more is wanted of this log.
  bool full() const { return left_ && *left_ <= 0; }

 private:
  const LogsOptions& options_;
  std::string prefix_;
  std::optional<int64_t> left_;  // Of --limit-bytes.
};

}  // namespace muster::ctl
