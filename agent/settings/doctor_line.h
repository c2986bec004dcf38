#pragma once

#include <string>

#include "agent/settings/settings.h"

namespace muster::agent {

// What the command line of "muster-agent doctor" says.
struct DoctorLine {
  // Print `text` (help, or what is wrong) and exit.
  bool print_and_exit = false;
  std::string text;
  int exit_code = 0;
  std::string config_path = kDefaultSettingsFile;
};

// `argv` begins at "doctor".
DoctorLine ParseDoctorLine(int argc, const char* const* argv);

}  // namespace muster::agent
