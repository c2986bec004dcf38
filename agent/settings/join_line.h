#pragma once

#include <string>

#include "agent/enrol/join.h"

namespace muster::agent {

// What the command line of "muster-agent join" says.
struct JoinLine {
  // Print `text` (help, or what is wrong) and exit.
  bool print_and_exit = false;
  std::string text;
  int exit_code = 0;
  JoinOptions options;
};

// `argv` begins at "join". What the flags mean is checked by Join.
JoinLine ParseJoinLine(int argc, const char* const* argv);

}  // namespace muster::agent
