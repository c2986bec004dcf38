#include "agent/workload/duration_text.h"

#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace muster::agent {

std::string DurationText(Duration duration) {
  const int64_t millis = std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
  if (millis < 1000) return millis == 0 ? "0s" : absl::StrCat(millis, "ms");
  const int64_t hours = millis / 3'600'000;
  const int64_t minutes = millis / 60'000 % 60;
  std::string text;
  if (hours > 0) absl::StrAppend(&text, hours, "h");
  if (hours > 0 || minutes > 0) absl::StrAppend(&text, minutes, "m");
  std::string seconds = absl::StrFormat("%d.%03d", millis / 1000 % 60, millis % 1000);
  while (seconds.back() == '0') seconds.pop_back();
  if (seconds.back() == '.') seconds.pop_back();
  return absl::StrCat(text, seconds, "s");
}

}  // namespace muster::agent
