#include "agent/settings/wait_line.h"

#include <CLI/CLI.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/config/parse_line.h"

namespace muster::agent {
namespace {

// What is wrong with it; empty when nothing is.
std::string ParseTimeout(const std::string& text, WaitLine& line) {
  absl::Duration timeout;
  if (!absl::ParseDuration(text, &timeout) || timeout < absl::ZeroDuration()) {
    return absl::StrCat("\"", text, "\" is no duration");
  }
  if (timeout > absl::ZeroDuration()) line.timeout = absl::ToChronoMilliseconds(timeout);
  return "";
}

}  // namespace

WaitLine ParseWaitLine(int argc, const char* const* argv) {
  WaitLine line;
  std::string timeout = "0";
  CLI::App app{
      "Waits until the pods that gate this host are ready: those with annotation "
      "muster.dev/gate \"true\".",
      "muster-agent wait-ready"};
  app.add_option("--timeout", timeout, "Such as 90s or 5m; 0 waits without end")
      ->option_text("DURATION")
      ->capture_default_str()
      ->check([&line](const std::string& text) { return ParseTimeout(text, line); });
  app.add_option("--run-dir", line.run_dir, "Where the agent shows its state")
      ->option_text("DIR")
      ->capture_default_str();
  app.footer("muster-node-ready.target is reached by it. Exit codes: 0 ready, 3 timed out.");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  return line;
}

}  // namespace muster::agent
