#pragma once

#include <chrono>
#include <string>

#include "agent/settings/settings.h"
#include "common/config/parse_line.h"

namespace muster::agent {

// What the command line of "muster-agent reset" says.
struct ResetLine : ParsedLine {
  std::string config_path = kDefaultSettingsFile;
  bool yes = false;   // Not to be asked.
  bool stop = false;  // A running agent is stopped first.
  bool all = false;
  bool without_runtime = false;
  std::chrono::seconds timeout{600};
};

// `argv` begins at "reset".
ResetLine ParseResetLine(int argc, const char* const* argv);

}  // namespace muster::agent
