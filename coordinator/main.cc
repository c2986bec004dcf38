// muster-coordinator: keeps what every node should run, and tells the nodes' agents.

#include <signal.h>

#include <cstdio>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "common/daemon/event_loop.h"
#include "common/daemon/logging.h"
#include "coordinator/process/coordinator.h"
#include "coordinator/settings/settings.h"
#include "spdlog/spdlog.h"

namespace {

using namespace muster;
using namespace muster::coordinator;

int Fail(const absl::Status& status) {
  std::fprintf(stderr, "muster-coordinator: %s\n", std::string(status.message()).c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  const absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (!line.ok()) return Fail(line.status());
  switch (line->task) {
    case CommandLine::Task::kPrintAndExit:
      std::fputs(line->text.c_str(), line->exit_code == 0 ? stdout : stderr);
      return line->exit_code;
    case CommandLine::Task::kCheckConfig:
      std::puts("The settings are good.");
      return 0;
    case CommandLine::Task::kRun:
      break;
  }
  if (absl::Status status = SetUpLogging(line->settings.log_level, DetectLogForm());
      !status.ok()) {
    return Fail(status);
  }
  // Before any thread: those of gRPC and of the store inherit it. A peer that hangs up is an error
  // of a write, not the end.
  BlockSignals({SIGTERM, SIGINT});
  ::signal(SIGPIPE, SIG_IGN);
  const SystemClock clock;
  if (absl::Status status = RunCoordinator(line->settings, clock); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return 1;
  }
  return 0;
}
