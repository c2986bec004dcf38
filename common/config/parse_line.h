#pragma once

#include <string>

namespace CLI {
class App;
}

namespace muster {

// What came of a command line.
struct ParsedLine {
  // Print `text` (help, version, or what is wrong) and exit.
  bool print_and_exit = false;
  std::string text;
  int exit_code = 0;  // 64 (EX_USAGE) when the line is wrong.
};

// Gives the values on the line to what `app` was told about. The name of `app` is what messages
// call the command, such as "muster-agent join".
ParsedLine ParseLine(CLI::App& app, int argc, const char* const* argv);

// Help to stdout, errors to stderr. Returns the exit code.
int PrintLine(const ParsedLine& line);

}  // namespace muster
