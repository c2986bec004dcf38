#include "agent/settings/wait_line.h"

#include <CLI/CLI.hpp>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace muster::agent {
namespace {

constexpr int kUsageError = 64;

bool ParseTimeout(const std::string& text, WaitLine& line) {
  absl::Duration timeout;
  if (!absl::ParseDuration(text, &timeout) || timeout < absl::ZeroDuration()) return false;
  if (timeout > absl::ZeroDuration()) line.timeout = absl::ToChronoMilliseconds(timeout);
  return true;
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
      ->capture_default_str();
  app.add_option("--run-dir", line.run_dir, "Where the agent shows its state")
      ->option_text("DIR")
      ->capture_default_str();
  app.footer("muster-node-ready.target is reached by it. Exit codes: 0 ready, 3 timed out.");
  try {
    app.parse(argc, argv);
    if (!ParseTimeout(timeout, line)) {
      throw CLI::ValidationError("--timeout", absl::StrCat("\"", timeout, "\" is no duration"));
    }
  } catch (const CLI::Success& e) {
    line.print_and_exit = true;
    std::ostringstream out, err;
    app.exit(e, out, err);
    line.text = out.str();
  } catch (const CLI::ParseError& e) {
    line.print_and_exit = true;
    line.exit_code = kUsageError;
    line.text = absl::StrCat("muster-agent wait-ready: ", e.what(),
                             "\nRun 'muster-agent wait-ready --help' for the flags.\n");
  }
  return line;
}

}  // namespace muster::agent
