// muster-coordinator: keeps what every node should run, and tells the nodes' agents.

#include <signal.h>

#include <cstdio>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/base/macros.h"
#include "common/daemon/event_loop.h"
#include "common/daemon/logging.h"
#include "common/pki/grpc_credentials.h"
#include "common/protolog/protobuf_log.h"
#include "coordinator/backup/backup.h"
#include "coordinator/init/init_survey.h"
#include "coordinator/process/coordinator.h"
#include "coordinator/settings/settings.h"
#include "spdlog/spdlog.h"

namespace {

using namespace muster;
using namespace muster::coordinator;

// As sysexits.h has it: systemd does not start a daemon again that would read the same settings.
constexpr int kWrongSettings = 78;

int FailOverSettings(const absl::Status& status) {
  std::fprintf(stderr, "muster-coordinator: %s\n", std::string(status.message()).c_str());
  return kWrongSettings;
}

int RunInit(int argc, const char* const* argv) {
  const InitLine line = ParseInitLine(argc, argv);
  if (line.print_and_exit) return PrintLine(line);
  const absl::StatusOr<Settings> settings = LoadSettings(line.config_path);
  if (!settings.ok()) return FailOverSettings(settings.status());
  const InitSurvey survey = SurveyForInit(*settings, line.config_path, AgentAddress(*settings));
  std::fputs(InitReport(survey).c_str(), stdout);
  return InitHasProblem(survey) ? 1 : 0;
}

void PrintReport(const char* what, const BackupReport& report) {
  std::printf(
      "%s: %lld objects at revision %lld, %s, muster-coordinator %s\n", what,
      static_cast<long long>(report.objects), static_cast<long long>(report.revision),
      absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromChrono(report.made), absl::UTCTimeZone())
          .c_str(),
      report.version.c_str());
  std::puts(report.has_sealing_key
                ? "In it are the key of the certificate authority and the one that Secrets are "
                  "sealed with: keep it like a private key."
                : "In it is the key of the certificate authority: keep it like a private key. The "
                  "key that Secrets are sealed with is not in it.");
}

int RunBackup(int argc, const char* const* argv) {
  const bool restores = std::string_view(argv[0]) == "restore";
  const BackupLine line = ParseBackupLine(argc, argv);
  if (line.print_and_exit) return PrintLine(line);
  const absl::StatusOr<Settings> settings = LoadSettings(line.config_path);
  if (!settings.ok()) return FailOverSettings(settings.status());
  const std::string state_dir = line.state_dir.value_or(settings->state_dir);
  const WallTime now = SystemClock().Wall();
  const absl::StatusOr<BackupReport> report =
      restores ? RestoreBackup(line.file, state_dir, line.replace, now)
               : MakeBackup(state_dir, line.file, now);
  if (!report.ok()) {
    std::fprintf(stderr, "muster-coordinator %s: %s\n", argv[0],
                 std::string(report.status().message()).c_str());
    return 1;
  }
  PrintReport(restores ? "Restored" : line.file.c_str(), *report);
  if (restores) std::puts("Start the coordinator: systemctl enable --now muster-coordinator");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  TakeProtobufLog([](bool fatal, const std::string& line) {
    fatal ? spdlog::critical("{}", line) : spdlog::debug("{}", line);
  });
  if (argc > 1 && std::string_view(argv[1]) == "init") return RunInit(argc - 1, argv + 1);
  if (argc > 1 &&
      (std::string_view(argv[1]) == "backup" || std::string_view(argv[1]) == "restore")) {
    return RunBackup(argc - 1, argv + 1);
  }
  const absl::StatusOr<CommandLine> line = ParseCommandLine(argc, argv);
  if (!line.ok()) return FailOverSettings(line.status());
  if (line->print_and_exit) return PrintLine(*line);
  if (line->check_config) {
    std::puts("The settings are good.");
    return 0;
  }
  if (absl::Status status = SetUpLogging(line->settings.log_level, DetectLogForm()); !status.ok()) {
    return FailOverSettings(status);
  }
  pki::RequireTls13();
  // Before any thread: those of gRPC and of the store inherit it. A peer that hangs up is an error
  // of a write, not the end.
  BlockSignals({SIGTERM, SIGINT, SIGHUP});
  ::signal(SIGPIPE, SIG_IGN);
  const SystemClock clock;
  const auto read_again = [argc, argv]() -> absl::StatusOr<Settings> {
    MUSTER_ASSIGN_OR_RETURN(const CommandLine again, ParseCommandLine(argc, argv));
    return again.settings;
  };
  if (absl::Status status = RunCoordinator(line->settings, clock, read_again); !status.ok()) {
    spdlog::error("{}", std::string(status.message()));
    return 1;
  }
  return 0;
}
