#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"

namespace spdlog::sinks {
class sink;
}

namespace muster {

enum class LogForm {
  // "2024-06-07T08:09:10.123Z warning text"
  kTimeStamped,
  // "<4>text": the journal has its own time and takes the priority from the number. A text of
  // several lines has it on each.
  kJournal,
};

// kJournal when standard error is the journal's.
LogForm DetectLogForm();

// Makes spdlog's default logger write to the journal (kJournal, see JournalSink) or to standard
// error from `level` on: "debug", "info", "warning" or "error"; InvalidArgument otherwise. Before
// there are other threads.
absl::Status SetUpLogging(std::string_view level, LogForm form);

// The same on a sink of the caller, for tests.
absl::Status SetUpLogging(std::string_view level, LogForm form,
                          std::shared_ptr<spdlog::sinks::sink> sink);

// Another level from now on; at any time, on any thread.
absl::Status SetLogLevel(std::string_view level);

}  // namespace muster
