#include "agent/settings/status_line.h"

#include <CLI/CLI.hpp>

#include "common/config/parse_line.h"

namespace muster::agent {

StatusLine ParseStatusLine(int argc, const char* const* argv) {
  StatusLine line;
  std::string output;
  CLI::App app{
      "Says how the agent that runs on this host is, and the pods and containers it looks after. "
      "It needs no coordinator.",
      "muster-agent status"};
  app.add_option("-o,--output", output, "json")
      ->option_text("FORMAT")
      ->check(CLI::IsMember({"json"}));
  app.add_option("--run-dir", line.run_dir, "Where the agent shows its state")
      ->option_text("DIR")
      ->capture_default_str();
  app.footer(
      "Root and the members of group muster may ask. Exit codes: 0 it answered, 1 it could not be "
      "asked, 3 no agent is running.");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  line.json = output == "json";
  return line;
}

}  // namespace muster::agent
