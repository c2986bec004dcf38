#include "common/daemon/journal_sink.h"

#include <errno.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <sys/uio.h>
#include <syslog.h>

// The place in our source would be that of this file, in each entry.
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-journal.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/daemon/journal_formatter.h"

namespace muster {
namespace {

bool SendToJournal(const std::vector<std::string>& entry) {
  std::vector<iovec> parts;
  parts.reserve(entry.size());
  for (const std::string& field : entry) {
    parts.push_back({const_cast<char*>(field.data()), field.size()});
  }
  return sd_journal_sendv(parts.data(), static_cast<int>(parts.size())) == 0;
}

}  // namespace

int JournalPriority(spdlog::level::level_enum level) {
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

std::vector<std::string> JournalEntry(std::string_view program, int priority, std::string_view text,
                                      const std::vector<LogFields::Field>& fields) {
  std::vector<std::string> entry = {absl::StrCat("MESSAGE=", std::string(text)),
                                    absl::StrCat("PRIORITY=", priority),
                                    absl::StrCat("SYSLOG_IDENTIFIER=", std::string(program))};
  for (const auto& [name, value] : fields) entry.push_back(absl::StrCat(name, "=", value));
  return entry;
}

JournalSink::JournalSink()
    : JournalSink(program_invocation_short_name, SendToJournal,
                  std::make_shared<spdlog::sinks::stderr_sink_mt>()) {}

JournalSink::JournalSink(std::string program, Send send,
                         std::shared_ptr<spdlog::sinks::sink> fallback)
    : program_(std::move(program)), send_(std::move(send)), fallback_(std::move(fallback)) {
  fallback_->set_formatter(std::make_unique<JournalFormatter>());
}

void JournalSink::sink_it_(const spdlog::details::log_msg& message) {
  const std::string_view text(message.payload.data(), message.payload.size());
  const auto entry =
      JournalEntry(program_, JournalPriority(message.level), text, LogFields::Current());
  if (!send_(entry)) fallback_->log(message);
}

}  // namespace muster
