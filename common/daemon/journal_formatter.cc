#include "common/daemon/journal_formatter.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "common/daemon/journal_sink.h"

namespace muster {

void JournalFormatter::format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) {
  const std::string prefix = absl::StrCat("<", JournalPriority(message.level), ">");
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

std::unique_ptr<spdlog::formatter> JournalFormatter::clone() const {
  return std::make_unique<JournalFormatter>();
}

}  // namespace muster
