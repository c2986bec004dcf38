#pragma once

#include <spdlog/formatter.h>

#include <memory>

namespace muster {

// "<4>text" on each line of a text: what the journal makes of a stream.
class JournalFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& message, spdlog::memory_buf_t& out) override;
  std::unique_ptr<spdlog::formatter> clone() const override;
};

}  // namespace muster
