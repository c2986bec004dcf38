#include "ctl/output/color.h"

#include <unistd.h>

#include <cstdlib>

#include "ctl/output/escape.h"

namespace muster::ctl {

void PrintColored(std::ostream& out, std::string_view text, Color color, bool wanted) {
  const auto switch_to = [&](const char* sequence) {
    const OutputMode raw(out, EscapingBuffer::Mode::kRaw);
    if (wanted) out << sequence;
  };
  switch_to(color == Color::kRed ? "\x1b[31m" : "\x1b[33m");
  out << text;
  switch_to("\x1b[0m");
}

bool WantsColor(int fd) {
  // https://no-color.org: set to anything but nothing.
  const char* refused = std::getenv("NO_COLOR");
  if (refused != nullptr && *refused != '\0') return false;
  const char* terminal = std::getenv("TERM");
  if (terminal == nullptr || std::string_view(terminal) == "dumb") return false;
  return ::isatty(fd) == 1;
}

}  // namespace muster::ctl
