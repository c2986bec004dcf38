#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace muster::ctl {

// A line of a log with the time before it, as `logs --timestamps` sends them.
struct LogLine {
  absl::Time at;      // That of the line before, for one that begins with none.
  std::string stamp;  // As it was written; empty for such a line.
  std::string text;   // Without the line end.
};

// Cuts what arrives in pieces into lines. Not thread-safe.
class LogSplitter {
 public:
  using OnLine = std::function<void(LogLine)>;

  explicit LogSplitter(OnLine on_line) : on_line_(std::move(on_line)) {}

  void Add(std::string_view piece);
  // Hands over a last line that has no end.
  void Finish();

 private:
  void Emit(std::string line);

  const OnLine on_line_;
  std::string open_;
  absl::Time last_ = absl::InfinitePast();
};

// The lines of several logs in the order of time; of equal times as the logs are given. Lines of
// one log stay in their order even when its times do not. `emit` gets the log's index.
void MergeLogs(const std::vector<std::vector<LogLine>>& logs,
               const std::function<void(size_t, const LogLine&)>& emit);

}  // namespace muster::ctl
