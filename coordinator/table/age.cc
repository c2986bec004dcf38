#include "coordinator/table/age.h"

#include "absl/time/time.h"
#include "common/model/time_text.h"

namespace muster::coordinator {
namespace {

template <typename Time>
std::string AgeOfAny(const Time& time, WallTime now) {
  if (IsUnset(time)) return "<unknown>";
  return HumanAge(absl::ToChronoNanoseconds(absl::FromChrono(now) - model::ToAbslTime(time)));
}

}  // namespace

bool IsUnset(const v1::Time& time) { return time.seconds() == 0 && time.nanos() == 0; }
bool IsUnset(const v1::MicroTime& time) { return time.seconds() == 0 && time.nanos() == 0; }

std::string AgeOf(const v1::Time& time, WallTime now) { return AgeOfAny(time, now); }
std::string AgeOf(const v1::MicroTime& time, WallTime now) { return AgeOfAny(time, now); }

std::string FullTime(const v1::Time& time) {
  if (IsUnset(time)) return "<unknown>";
  return absl::FormatTime("%a, %d %b %Y %H:%M:%S %z", model::ToAbslTime(time), absl::UTCTimeZone());
}

}  // namespace muster::coordinator
