#include "ctl/output/color.h"

#include <unistd.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"

namespace muster::ctl {

std::string Colored(std::string_view text, Color color, bool wanted) {
  if (!wanted) return std::string(text);
  return absl::StrCat(color == Color::kRed ? "\x1b[31m" : "\x1b[33m", std::string(text), "\x1b[0m");
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
