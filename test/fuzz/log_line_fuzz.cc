// Any bytes as a container's log: whatever the file holds, reading it never crashes, loses no text
// of a well-formed line, and the last lines found from the end are the last lines.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/tunnel/log_line.h"
#include "agent/tunnel/log_tail.h"
#include "common/base/macros.h"

namespace {

using muster::agent::FindTail;
using muster::agent::LogJoiner;
using muster::agent::LogRecord;
using muster::agent::ParseLogLine;
using muster::agent::ParseLogTime;

std::vector<std::string_view> Lines(std::string_view file) {
  std::vector<std::string_view> lines;
  while (!file.empty()) {
    const size_t end = std::min(file.find('\n'), file.size());
    lines.push_back(file.substr(0, end));
    file.remove_prefix(std::min(end + 1, file.size()));
  }
  return lines;
}

int64_t Tail(std::string_view file, int64_t lines) {
  const auto offset = FindTail(
      [&](int64_t at, char* buffer, size_t length) -> absl::StatusOr<size_t> {
        return file.copy(buffer, length, static_cast<size_t>(at));
      },
      static_cast<int64_t>(file.size()), lines);
  MUSTER_CHECK(offset.ok());
  MUSTER_CHECK(*offset >= 0 && *offset <= static_cast<int64_t>(file.size()));
  MUSTER_CHECK(*offset == 0 || file[*offset - 1] == '\n' || lines == 0);
  return *offset;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const std::vector<std::string_view> lines = Lines(file);

  size_t text_bytes = 0;
  std::string out;
  LogJoiner joiner(/*timestamps=*/false);
  for (const std::string_view line : lines) {
    const std::optional<LogRecord> record = ParseLogLine(line);
    if (!record) {
      joiner.AddRaw(line, &out);
      text_bytes += line.size() + 1;
      continue;
    }
    (void)ParseLogTime(record->time);
    MUSTER_CHECK(muster::agent::NineDigitTime(record->time).find('T') != std::string::npos);
    joiner.Add(*record, &out);
    text_bytes += record->text.size() + (record->partial ? 0 : 1);
  }
  joiner.Flush(&out);
  MUSTER_CHECK(out.size() == text_bytes);

  // The more lines are wanted, the earlier they begin; all of them are the whole file.
  int64_t before = static_cast<int64_t>(file.size());
  for (const int64_t wanted : {0, 1, 2, 3, 10}) {
    const int64_t begin = Tail(file, wanted);
    MUSTER_CHECK(begin <= before);
    before = begin;
  }
  MUSTER_CHECK(Tail(file, static_cast<int64_t>(lines.size())) == 0);
  return 0;
}
