#include "common/config/parse_line.h"

#include <sysexits.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace muster {

ParsedLine ParseLine(CLI::App& app, int argc, const char* const* argv) {
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    std::ostringstream out, err;
    app.exit(e, out, err);
    return {.print_and_exit = true, .text = out.str(), .exit_code = 0};
  } catch (const CLI::ParseError& e) {
    const std::string name = app.get_name();
    return {
        .print_and_exit = true,
        .text = absl::StrCat(name, ": ", e.what(), "\nRun '", name, " --help' for the flags.\n"),
        .exit_code = EX_USAGE};
  }
  return {};
}

int PrintLine(const ParsedLine& line) {
  std::FILE* out = line.exit_code == 0 ? stdout : stderr;
  std::fputs(line.text.c_str(), out);
  if (!line.text.ends_with('\n')) std::fputc('\n', out);
  return line.exit_code;
}

}  // namespace muster
