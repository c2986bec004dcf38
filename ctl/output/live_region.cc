#include "ctl/output/live_region.h"

#include "ctl/output/escape.h"

namespace muster::ctl {

void LiveRegion::Draw(const std::vector<std::string>& lines) {
  if (lines == drawn_) return;
  // Up to where the last drawing began, and everything below is wiped out.
  {
    const OutputMode raw(out_, EscapingBuffer::Mode::kRaw);
    if (!drawn_.empty()) out_ << "\r\x1b[" << drawn_.size() << "A\x1b[J";
    // Lines that do not fit are cut by the terminal: one that goes on below would be counted once.
    out_ << "\x1b[?7l";
  }
  for (const std::string& line : lines) out_ << line << "\n";
  const OutputMode raw(out_, EscapingBuffer::Mode::kRaw);
  out_ << "\x1b[?7h";
  out_.flush();
  drawn_ = lines;
}

}  // namespace muster::ctl
