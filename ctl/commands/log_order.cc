#include "ctl/commands/log_order.h"

#include <algorithm>

namespace muster::ctl {

void LogOrder::Add(size_t log, LogLine line, MonoTime now) {
  logs_[log].spoke = true;
  logs_[log].lines.push_back({std::move(line), now});
}

std::optional<std::pair<size_t, LogLine>> LogOrder::Take(MonoTime now) {
  const std::optional<size_t> log = Earliest();
  if (!log || Until(logs_[*log].lines.front()) > now) return std::nullopt;
  LogLine line = std::move(logs_[*log].lines.front().line);
  logs_[*log].lines.pop_front();
  return std::pair(*log, std::move(line));
}

std::optional<MonoTime> LogOrder::NextLook() const {
  const std::optional<size_t> log = Earliest();
  if (!log) return std::nullopt;
  return Until(logs_[*log].lines.front());
}

bool LogOrder::done() const {
  return std::ranges::all_of(logs_, [](const Log& log) { return log.ended && log.lines.empty(); });
}

std::optional<size_t> LogOrder::Earliest() const {
  std::optional<size_t> earliest;
  for (size_t log = 0; log < logs_.size(); ++log) {
    if (logs_[log].lines.empty()) continue;
    if (!earliest || logs_[log].lines.front().line.at < logs_[*earliest].lines.front().line.at) {
      earliest = log;
    }
  }
  return earliest;
}

MonoTime LogOrder::Until(const Waiting& line) const {
  MonoTime until = line.came;  // At once, when there is nobody to wait for.
  for (const Log& log : logs_) {
    if (log.ended || !log.lines.empty()) continue;
    until = std::max(until, log.spoke ? line.came + options_.hold
                                      : std::max(start_ + options_.begin, line.came));
  }
  return until;
}

}  // namespace muster::ctl
