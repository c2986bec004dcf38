#pragma once

#include <string>

#include "agent/settings/settings.h"
#include "common/config/parse_line.h"

namespace muster::agent {

// What the command line of "muster-agent doctor" says.
struct DoctorLine : ParsedLine {
  std::string config_path = kDefaultSettingsFile;
};

// `argv` begins at "doctor".
DoctorLine ParseDoctorLine(int argc, const char* const* argv);

}  // namespace muster::agent
