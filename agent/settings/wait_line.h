#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "agent/settings/settings.h"

namespace muster::agent {

// What the command line of "muster-agent wait-ready" says.
struct WaitLine {
  // Print `text` (help, or what is wrong) and exit.
  bool print_and_exit = false;
  std::string text;
  int exit_code = 0;
  std::optional<std::chrono::milliseconds> timeout;  // nullopt: without end.
  std::string run_dir = Settings().run_dir;
};

// `argv` begins at "wait-ready".
WaitLine ParseWaitLine(int argc, const char* const* argv);

}  // namespace muster::agent
