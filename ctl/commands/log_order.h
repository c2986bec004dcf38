#pragma once

#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "ctl/commands/log_merge.h"

namespace muster::ctl {

// Lines of several logs while they are written, in the order of time as far as waiting a moment for
// the others makes it so: a line goes when every log that goes on has a later one, or had its time
// to say an earlier one. Lines of one log stay in their order.
//
// A plain value: callers say what time it is. Not thread-safe.
class LogOrder {
 public:
  struct Options {
    // A log that has said something before may take so long to say it.
    Duration hold = std::chrono::milliseconds(250);
    // One that has said nothing yet is waited for so long from the start: its node is being asked.
    Duration begin = std::chrono::seconds(2);
  };

  LogOrder(size_t logs, Options options, MonoTime start)
      : logs_(logs), options_(options), start_(start) {}

  void Add(size_t log, LogLine line, MonoTime now);
  void End(size_t log) { logs_[log].ended = true; }

  // The next line and whose it is; nullopt when none may go yet.
  std::optional<std::pair<size_t, LogLine>> Take(MonoTime now);
  // When one may go although nothing comes; nullopt when there is none.
  std::optional<MonoTime> NextLook() const;
  // No more will come.
  bool done() const;
  size_t waiting(size_t log) const { return logs_[log].lines.size(); }

 private:
  struct Waiting {
    LogLine line;
    MonoTime came;
  };
  struct Log {
    std::deque<Waiting> lines;
    bool ended = false, spoke = false;
  };

  // The log with the earliest line in front; nullopt: there is no line.
  std::optional<size_t> Earliest() const;
  // Until when the others are waited for before this line goes.
  MonoTime Until(const Waiting& line) const;

  std::vector<Log> logs_;
  Options options_;
  MonoTime start_;
};

}  // namespace muster::ctl
