#pragma once

#include <string>

#include "agent/settings/settings.h"
#include "common/config/parse_line.h"

namespace muster::agent {

// What the command line of "muster-agent status" says.
struct StatusLine : ParsedLine {
  bool json = false;
  std::string run_dir = Settings().run_dir;
};

// `argv` begins at "status".
StatusLine ParseStatusLine(int argc, const char* const* argv);

}  // namespace muster::agent
