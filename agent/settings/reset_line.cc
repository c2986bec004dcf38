#include "agent/settings/reset_line.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config/parse_line.h"

namespace muster::agent {
namespace {

// What is wrong with it; empty when nothing is.
std::string ParseTimeout(const std::string& text, ResetLine& line) {
  absl::Duration timeout;
  if (!absl::ParseDuration(text, &timeout) || timeout < absl::Seconds(1)) {
    return absl::StrCat("\"", text, "\" is no duration from 1s on");
  }
  line.timeout = absl::ToChronoSeconds(timeout);
  return "";
}

}  // namespace

ResetLine ParseResetLine(int argc, const char* const* argv) {
  ResetLine line;
  std::string timeout = "10m";
  CLI::App app{
      "Makes this host what it was before it became a node: its pods are stopped, and all that "
      "belonged to them and to the agent is removed.",
      "muster-agent reset"};
  app.add_option("--config", line.config_path, "Settings file")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_flag("-y,--yes", line.yes, "Do not ask");
  app.add_flag("--stop", line.stop, "Stop muster-agent.service first");
  app.add_flag("--all", line.all, "Also pods of Muster that this host's state knows nothing of");
  app.add_flag("--without-runtime", line.without_runtime,
               "Remove files although the container runtime is gone for good");
  app.add_option("--timeout", timeout, "How long pods may take to be gone")
      ->option_text("DURATION")
      ->capture_default_str()
      ->check([&line](const std::string& text) { return ParseTimeout(text, line); });
  app.footer(
      "Refuses while the agent runs. May be run again. The settings file stays, and so does the "
      "node's object: musterctl delete node NAME. Exit codes: 0 nothing is left, 1 something is.");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  return line;
}

}  // namespace muster::agent
