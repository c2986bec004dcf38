#include "common/daemon/logging.h"

#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"

namespace muster {
namespace {

std::optional<spdlog::level::level_enum> LevelOf(std::string_view name) {
  if (name == "debug") return spdlog::level::debug;
  if (name == "info") return spdlog::level::info;
  if (name == "warning") return spdlog::level::warn;
  if (name == "error") return spdlog::level::err;
  return std::nullopt;
}

int PriorityOf(spdlog::level::level_enum level) {
  switch (level) {
    case spdlog::level::critical:
      return LOG_CRIT;
    case spdlog::level::err:
      return LOG_ERR;
    case spdlog::level::warn:
      return LOG_WARNING;
    case spdlog::level::info:
      return LOG_INFO;
    default:
      return LOG_DEBUG;
  }
}

class JournalFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override {
    const std::string prefix = absl::StrCat("<", PriorityOf(message.level), ">");
    const std::string_view text(message.payload.data(), message.payload.size());
    size_t start = 0;
    while (start <= text.size()) {
      const size_t end = std::min(text.find('\n', start), text.size());
      const std::string line = absl::StrCat(prefix, std::string(text.substr(start, end - start)));
      out.append(line.data(), line.data() + line.size());
      out.push_back('\n');
      start = end + 1;
    }
  }
  std::unique_ptr<spdlog::formatter> clone() const override {
    return std::make_unique<JournalFormatter>();
  }
};

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
  return SetUpLogging(level, form, std::make_shared<spdlog::sinks::stderr_sink_mt>());
}

absl::Status SetUpLogging(std::string_view level, LogForm form,
                          std::shared_ptr<spdlog::sinks::sink> sink) {
  const std::optional<spdlog::level::level_enum> parsed = LevelOf(level);
  if (!parsed) {
    return absl::InvalidArgumentError(absl::StrCat("\"", std::string(level),
                                                   "\" is no log level; there are debug, info, "
                                                   "warning and error"));
  }
  if (form == LogForm::kJournal) {
    sink->set_formatter(std::make_unique<JournalFormatter>());
  } else {
    sink->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%eZ %l %v", spdlog::pattern_time_type::utc));
  }
  auto logger = std::make_shared<spdlog::logger>("", std::move(sink));
  logger->set_level(*parsed);
  logger->flush_on(spdlog::level::trace);
  spdlog::set_default_logger(std::move(logger));
  return absl::OkStatus();
}

}  // namespace muster
