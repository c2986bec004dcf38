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

// Makes spdlog's default logger write to standard error from `level` on: "debug", "info",
// "warning" or "error"; InvalidArgument otherwise. Call it again to change the level.
absl::Status SetUpLogging(std::string_view level, LogForm form);

// The same on a sink of the caller, for tests.
absl::Status SetUpLogging(std::string_view level, LogForm form,
                          std::shared_ptr<spdlog::sinks::sink> sink);

}  // namespace muster
