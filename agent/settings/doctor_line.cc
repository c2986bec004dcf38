#include "agent/settings/doctor_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace muster::agent {

DoctorLine ParseDoctorLine(int argc, const char* const* argv) {
  constexpr int kUsageError = 64;
  DoctorLine line;
  CLI::App app{"Looks for what is missing on this host, and says how to get it.",
               "muster-agent doctor"};
  app.add_option("--config", line.config_path, "Settings file")
      ->option_text("FILE")
      ->capture_default_str();
  app.footer("Changes nothing. Exit codes: 0 no problem, though there may be notes; 1 problems.");
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& e) {
    line.print_and_exit = true;
    std::ostringstream out, err;
    app.exit(e, out, err);
    line.text = out.str();
  } catch (const CLI::ParseError& e) {
    line.print_and_exit = true;
    line.exit_code = kUsageError;
    line.text = absl::StrCat("muster-agent doctor: ", e.what(),
                             "\nRun 'muster-agent doctor --help' for the flags.\n");
  }
  return line;
}

}  // namespace muster::agent
