#include "common/daemon/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/daemon/journal_formatter.h"
#include "common/daemon/journal_sink.h"

namespace muster {
namespace {

absl::StatusOr<spdlog::level::level_enum> LevelOf(std::string_view name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warning") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", std::string(name), "\" is no log level; there are debug, info, warning and error"));
}

}  // namespace

LogForm DetectLogForm() {
  // systemd says which stream it gave: "DEVICE:INODE".
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat info;
  if (stream == nullptr || ::fstat(STDERR_FILENO, &info) != 0) return LogForm::kTimeStamped;
  return absl::StrCat(info.st_dev, ":", info.st_ino) == stream ? LogForm::kJournal
                                                               : LogForm::kTimeStamped;
}

absl::Status SetUpLogging(std::string_view level, LogForm form) {
  if (form == LogForm::kJournal) {
    return SetUpLogging(level, form, std::make_shared<JournalSink>());
  }
  return SetUpLogging(level, form, std::make_shared<spdlog::sinks::stderr_sink_mt>());
}

absl::Status SetUpLogging(std::string_view level, LogForm form,
                          std::shared_ptr<spdlog::sinks::sink> sink) {
  MUSTER_ASSIGN_OR_RETURN(const spdlog::level::level_enum parsed, LevelOf(level));
  if (form == LogForm::kJournal) {
    sink->set_formatter(std::make_unique<JournalFormatter>());
  } else {
    sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  }
  auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
  logger->set_level(parsed);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

absl::Status SetLogLevel(std::string_view level) {
  MUSTER_ASSIGN_OR_RETURN(const spdlog::level::level_enum parsed, LevelOf(level));
  spdlog::default_logger_raw()->set_level(parsed);
  return absl::OkStatus();
}

}  // namespace muster
