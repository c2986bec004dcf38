#include "ctl/commands/log_sink.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace muster::ctl {

LogSink::LogSink(const LogsOptions& options, const LogSource& source)
    : options_(options), left_(options.limit_bytes) {
  if (options.prefix) prefix_ = absl::StrCat("[pod/", source.pod, "/", source.container, "] ");
}

std::string LogSink::Text(const LogLine& line) {
  if (full() || (options_.since_time && line.at < *options_.since_time)) return "";
  std::string text;
  if (options_.timestamps && !line.stamp.empty()) absl::StrAppend(&text, line.stamp, " ");
  absl::StrAppend(&text, line.text, "\n");
  if (left_) {
    if (static_cast<int64_t>(text.size()) > *left_) text.resize(static_cast<size_t>(*left_));
    *left_ -= static_cast<int64_t>(text.size());
  }
  return prefix_ + text;
}

}  // namespace muster::ctl
