#include "agent/settings/doctor_line.h"

#include <CLI/CLI.hpp>

#include "common/config/parse_line.h"

namespace muster::agent {

DoctorLine ParseDoctorLine(int argc, const char* const* argv) {
  DoctorLine line;
  CLI::App app{"Looks for what is missing on this host, and says how to get it.",
               "muster-agent doctor"};
  app.add_option("--config", line.config_path, "Settings file")
      ->option_text("FILE")
      ->capture_default_str();
  app.footer("Changes nothing. Exit codes: 0 no problem, though there may be notes; 1 problems.");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  return line;
}

}  // namespace muster::agent
