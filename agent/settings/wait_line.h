#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/settings/settings.h"
#include "common/config/parse_line.h"

namespace muster::agent {

// What the command line of "muster-agent wait-ready" says.
struct WaitLine : ParsedLine {
  std::optional<std::chrono::milliseconds> timeout;  // nullopt: without end.
  std::string run_dir = Settings().run_dir;
};

// `argv` begins at "wait-ready".
WaitLine ParseWaitLine(int argc, const char* const* argv);

}  // namespace muster::agent
