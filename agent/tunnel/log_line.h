#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/clock.h"

namespace muster::agent {

enum class LogStream { kStdout, kStderr };

// One line of a log file that a CRI runtime writes: "TIME STREAM TAGS TEXT", where TAGS starts
// with F for a whole line (or the end of one) and P for a part. The views are into the line.
struct LogRecord {
  std::string_view time;  // RFC 3339 with up to nine digits of a second, any zone.
  LogStream stream = LogStream::kStdout;
  bool partial = false;
  std::string_view text;
};

// `line` without its newline. nullopt when it is not of that form.
std::optional<LogRecord> ParseLogLine(std::string_view line);

// Of LogRecord.time. nullopt when it is none.
std::optional<WallTime> ParseLogTime(std::string_view time);

// With exactly nine digits, as Kubernetes shows it; unchanged when it is not a time.
std::string NineDigitTime(std::string_view time);

// Makes whole lines out of the records of one file. A plain value; feed it in order.
class LogJoiner {
 public:
  explicit LogJoiner(bool timestamps) : timestamps_(timestamps) {}

  // Appends what is ready to `out`: whole lines with their newline. Parts wait for their end, per
  // stream; from a line that is far too long pieces come out before that.
  void Add(const LogRecord& record, std::string* out);
  // A line that is not in the form of a record goes out as it is: better odd than missing.
  void AddRaw(std::string_view line, std::string* out);
  // What still waits for an end that will not come. No newline is made up.
  void Flush(std::string* out);

 private:
  struct Pending {
    std::string text;
    bool begun = false;  // The timestamp is out or in `text`.
  };

  const bool timestamps_;
  std::array<Pending, 2> pending_;  // By stream.
};

}  // namespace muster::agent
