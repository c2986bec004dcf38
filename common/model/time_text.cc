#include "common/model/time_text.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace muster::model {
namespace {

// Kubernetes writes and reads years of exactly four digits.
constexpr absl::Time kEarliest = absl::FromUnixSeconds(-62135596800);  // 0001-01-01T00:00:00Z
constexpr absl::Time kEnd = absl::FromUnixSeconds(253402300800);       // 10000-01-01T00:00:00Z

// "2026-01-31T09:15:00" and then a fraction or an offset. absl alone takes shorter forms too.
bool LooksLikeRfc3339(std::string_view text) {
  constexpr std::string_view kShape = "dddd-dd-ddTdd:dd:dd";
  if (text.size() <= kShape.size()) return false;
  for (size_t i = 0; i < kShape.size(); ++i) {
    const bool fits = kShape[i] == 'd' ? absl::ascii_isdigit(text[i]) : text[i] == kShape[i];
    if (!fits) return false;
  }
  std::string_view rest = text.substr(kShape.size());
  if (rest.front() == '.') {
    const size_t end = rest.find_first_not_of("0123456789", 1);
    if (end == std::string_view::npos || end == 1 || end > 10) return false;
    rest.remove_prefix(end);
  }
  if (rest == "Z") return true;
  constexpr std::string_view kOffset = "sdd:dd";
  if (rest.size() != kOffset.size()) return false;
  for (size_t i = 0; i < kOffset.size(); ++i) {
    const bool fits = kOffset[i] == 'd'   ? absl::ascii_isdigit(rest[i])
                      : kOffset[i] == 's' ? rest[i] == '+' || rest[i] == '-'
                                          : rest[i] == kOffset[i];
    if (!fits) return false;
  }
  return true;
}

absl::StatusOr<absl::Time> Parse(std::string_view text) {
  absl::Time time;
  std::string error;
  // A leap second is the one field absl would carry over into the next minute.
  if (!LooksLikeRfc3339(text) || text.substr(17, 2) == "60" ||
      !absl::ParseTime(absl::RFC3339_full, std::string(text), &time, &error) || time < kEarliest ||
      time >= kEnd) {
    return absl::InvalidArgumentError(absl::StrCat(
        "expected a time such as \"2026-01-31T09:15:00Z\", found \"", std::string(text), "\""));
  }
  return time;
}

template <typename Stamp>
absl::Time ToAbsl(const Stamp& stamp) {
  return absl::FromUnixSeconds(stamp.seconds()) + absl::Nanoseconds(stamp.nanos());
}

template <typename Stamp>
Stamp FromAbsl(absl::Time time, absl::Duration unit) {
  const absl::Duration since_epoch = absl::Floor(time - absl::UnixEpoch(), unit);
  const absl::Duration seconds = absl::Floor(since_epoch, absl::Seconds(1));
  Stamp stamp;
  stamp.set_seconds(absl::ToInt64Seconds(seconds));
  stamp.set_nanos(static_cast<int32_t>(absl::ToInt64Nanoseconds(since_epoch - seconds)));
  return stamp;
}

std::string Format(absl::Time time, const char* format) {
  return absl::FormatTime(format, std::clamp(time, kEarliest, kEnd - absl::Nanoseconds(1)),
                          absl::UTCTimeZone());
}

}  // namespace

std::string FormatTime(const v1::Time& time) {
  return Format(ToAbslTime(time), "%E4Y-%m-%dT%H:%M:%SZ");
}

std::string FormatMicroTime(const v1::MicroTime& time) {
  return Format(ToAbslTime(time), "%E4Y-%m-%dT%H:%M:%E6SZ");
}

absl::StatusOr<v1::Time> ParseTime(std::string_view text) {
  const absl::StatusOr<absl::Time> time = Parse(text);
  if (!time.ok()) return time.status();
  return ToTime(*time);
}

absl::StatusOr<v1::MicroTime> ParseMicroTime(std::string_view text) {
  const absl::StatusOr<absl::Time> time = Parse(text);
  if (!time.ok()) return time.status();
  return ToMicroTime(*time);
}

absl::Time ToAbslTime(const v1::Time& time) { return ToAbsl(time); }

absl::Time ToAbslTime(const v1::MicroTime& time) { return ToAbsl(time); }

v1::Time ToTime(absl::Time time) { return FromAbsl<v1::Time>(time, absl::Seconds(1)); }

v1::MicroTime ToMicroTime(absl::Time time) {
  return FromAbsl<v1::MicroTime>(time, absl::Microseconds(1));
}

}  // namespace muster::model
