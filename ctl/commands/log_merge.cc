#include "ctl/commands/log_merge.h"

#include <functional>
#include <queue>
#include <tuple>
#include <utility>

namespace muster::ctl {

void LogSplitter::Add(std::string_view piece) {
  while (true) {
    const size_t end = piece.find('\n');
    if (end == std::string_view::npos) break;
    open_ += piece.substr(0, end);
    Emit(std::exchange(open_, ""));
    piece.remove_prefix(end + 1);
  }
  open_ += piece;
}

void LogSplitter::Finish() {
  if (!open_.empty()) Emit(std::exchange(open_, ""));
}

void LogSplitter::Emit(std::string line) {
  LogLine result;
  const size_t blank = line.find(' ');
  absl::Time at;
  std::string error;
  if (blank != std::string::npos &&
      absl::ParseTime(absl::RFC3339_full, line.substr(0, blank), &at, &error)) {
    last_ = at;
    result.stamp = line.substr(0, blank);
    result.text = line.substr(blank + 1);
  } else {
    result.text = std::move(line);
  }
  result.at = last_;
  on_line_(std::move(result));
}

void MergeLogs(const std::vector<std::vector<LogLine>>& logs,
               const std::function<void(size_t, const LogLine&)>& emit) {
  // The next line of each log: its time, the log and its index. The earliest is on top.
  using Next = std::tuple<absl::Time, size_t, size_t>;
  std::priority_queue<Next, std::vector<Next>, std::greater<>> open;
  for (size_t log = 0; log < logs.size(); ++log) {
    if (!logs[log].empty()) open.emplace(logs[log][0].at, log, 0);
  }
  while (!open.empty()) {
    const auto [at, log, index] = open.top();
    open.pop();
    emit(log, logs[log][index]);
    if (index + 1 < logs[log].size()) open.emplace(logs[log][index + 1].at, log, index + 1);
  }
}

}  // namespace muster::ctl
