#pragma once

#include <string>

#include "agent/enrol/join.h"
#include "common/config/parse_line.h"

namespace muster::agent {

// What the command line of "muster-agent join" says.
struct JoinLine : ParsedLine {
  JoinOptions options;
};

// `argv` begins at "join". What the flags mean is checked by Join.
JoinLine ParseJoinLine(int argc, const char* const* argv);

}  // namespace muster::agent
