#include "common/model/human_age.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace muster::model {
namespace {

constexpr int64_t kMinute = 60;
constexpr int64_t kHour = 60 * kMinute;
constexpr int64_t kDay = 24 * kHour;
constexpr int64_t kYear = 365 * kDay;

// "3h20m", or "3h" without a rest.
std::string TwoUnits(int64_t seconds, int64_t large, const char* large_name, int64_t small,
                     const char* small_name) {
  const int64_t rest = seconds % large / small;
  std::string text = absl::StrCat(seconds / large, large_name);
  if (rest != 0) absl::StrAppend(&text, rest, small_name);
  return text;
}

}  // namespace

std::string HumanAge(Duration elapsed) {
  // Like Kubernetes: clocks that differ by a second or so are no reason to complain.
  const int64_t seconds = std::chrono::duration_cast<std::chrono::seconds>(elapsed).count();
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * kMinute) return absl::StrCat(seconds, "s");
  if (seconds < 10 * kMinute) return TwoUnits(seconds, kMinute, "m", 1, "s");
  if (seconds < 3 * kHour) return absl::StrCat(seconds / kMinute, "m");
  if (seconds < 8 * kHour) return TwoUnits(seconds, kHour, "h", kMinute, "m");
  if (seconds < 2 * kDay) return absl::StrCat(seconds / kHour, "h");
  if (seconds < 8 * kDay) return TwoUnits(seconds, kDay, "d", kHour, "h");
  if (seconds < 2 * kYear) return absl::StrCat(seconds / kDay, "d");
  if (seconds < 8 * kYear) return TwoUnits(seconds, kYear, "y", kDay, "d");
  return absl::StrCat(seconds / kYear, "y");
}

}  // namespace muster::model
