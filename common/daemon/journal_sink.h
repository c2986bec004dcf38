#pragma once

#include <spdlog/sinks/base_sink.h>

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "common/daemon/log_fields.h"

namespace muster {

// One entry as the journal takes it, "NAME=value" each: MESSAGE, PRIORITY (syslog's number),
// SYSLOG_IDENTIFIER, and the fields.
std::vector<std::string> JournalEntry(std::string_view program, int priority, std::string_view text,
                                      const std::vector<LogFields::Field>& fields);

// syslog's number of a level.
int JournalPriority(spdlog::level::level_enum level);

// Writes log entries to systemd's journal, with the fields that are set by LogFields. While the
// journal takes none (it is full, or being started), they go to standard error with the priority in
// front, which the journal reads as well.
class JournalSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  // False: it was not taken.
  using Send = std::function<bool(const std::vector<std::string>& entry)>;

  // To the journal of this host.
  JournalSink();
  JournalSink(std::string program, Send send, std::shared_ptr<spdlog::sinks::sink> fallback);

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override;
  void flush_() override {}

 private:
  const std::string program_;
  const Send send_;
  const std::shared_ptr<spdlog::sinks::sink> fallback_;
};

}  // namespace muster
