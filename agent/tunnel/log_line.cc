#include "agent/tunnel/log_line.h"

#include <string>

#include "absl/time/time.h"

namespace muster::agent {
namespace {

// A line in parts is held back up to this.
constexpr size_t kPendingBytesMax = 1 << 20;
constexpr size_t kFractionDigits = 9;

// The text up to the next space, which is taken off `rest` too. nullopt when there is none.
std::optional<std::string_view> NextWord(std::string_view* rest) {
  const size_t space = rest->find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  const std::string_view word = rest->substr(0, space);
  rest->remove_prefix(space + 1);
  return word;
}

bool LooksLikeTime(std::string_view text) {
  // "2026-01-02T03:04:05" and a zone at least.
  return text.size() >= 20 && text[4] == '-' && text[10] == 'T';
}

}  // namespace

std::optional<LogRecord> ParseLogLine(std::string_view line) {
  LogRecord record;
  std::string_view rest = line;
  const std::optional<std::string_view> time = NextWord(&rest);
  if (!time || !LooksLikeTime(*time)) return std::nullopt;
  record.time = *time;
  const std::optional<std::string_view> stream = NextWord(&rest);
  if (stream == "stdout") {
    record.stream = LogStream::kStdout;
  } else if (stream == "stderr") {
    record.stream = LogStream::kStderr;
  } else {
    return std::nullopt;
  }
  // Tags are separated by colons; only the first one has a meaning so far.
  const std::optional<std::string_view> tags = NextWord(&rest);
  const std::string_view tag = tags ? tags->substr(0, tags->find(':')) : std::string_view();
  if (tag != "F" && tag != "P") return std::nullopt;
  record.partial = tag == "P";
  record.text = rest;
  return record;
}

std::optional<WallTime> ParseLogTime(std::string_view time) {
  absl::Time parsed;
  if (!LooksLikeTime(time) ||
      !absl::ParseTime(absl::RFC3339_full, absl::string_view(time.data(), time.size()), &parsed,
                       nullptr)) {
    return std::nullopt;
  }
  return absl::ToChronoTime(parsed);
}

std::string NineDigitTime(std::string_view time) {
  constexpr size_t kSecondsEnd = 19;  // "2026-01-02T03:04:05"
  if (!LooksLikeTime(time)) return std::string(time);
  size_t zone = kSecondsEnd;
  std::string digits;
  if (time[zone] == '.') {
    for (++zone; zone < time.size() && time[zone] >= '0' && time[zone] <= '9'; ++zone) {
      digits.push_back(time[zone]);
    }
  }
  digits.resize(kFractionDigits, '0');
  return std::string(time.substr(0, kSecondsEnd)) + "." + digits + std::string(time.substr(zone));
}

void LogJoiner::Add(const LogRecord& record, std::string* out) {
  Pending& pending = pending_[static_cast<size_t>(record.stream)];
  if (!pending.begun && timestamps_) pending.text = NineDigitTime(record.time) + " ";
  pending.begun = true;
  pending.text += record.text;
  if (!record.partial) {
    pending.text += '\n';
    pending.begun = false;
  }
  if (!record.partial || pending.text.size() >= kPendingBytesMax) {
    *out += pending.text;
    pending.text.clear();
  }
}

void LogJoiner::AddRaw(std::string_view line, std::string* out) {
  *out += line;
  *out += '\n';
}

void LogJoiner::Flush(std::string* out) {
  for (Pending& pending : pending_) {
    *out += pending.text;
    pending = {};
  }
}

}  // namespace muster::agent
