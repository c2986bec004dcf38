#include "common/model/quantity.h"

#include <algorithm>
#include <array>
#include <limits>
#include <optional>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace muster::model {
namespace {

__extension__ using Int128 = __int128;

constexpr int64_t kUnitsMax = std::numeric_limits<int64_t>::max();
constexpr Int128 kMilliMax = Int128{kUnitsMax} * 1000;
// More digits than this before the point are beyond the cap, more zeros after it are below 1m.
constexpr int64_t kPlacesMax = 40;

constexpr std::array<std::string_view, 6> kBinarySuffixes = {"Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};
constexpr std::array<std::string_view, 6> kDecimalSuffixes = {"k", "M", "G", "T", "P", "E"};

absl::Status FormatError() {
  return absl::InvalidArgumentError(
      "quantities must match the regular expression "
      "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

absl::Status SuffixError() {
  return absl::InvalidArgumentError("unable to parse quantity's suffix");
}

// What a suffix multiplies by: ten to the `exponent`, and two to the `shift`.
struct Scale {
  int64_t exponent = 0;
  int shift = 0;
  Quantity::Family family = Quantity::Family::kDecimal;
};

std::optional<Scale> ParseSuffix(std::string_view suffix) {
  using Family = Quantity::Family;
  if (suffix.empty()) return Scale{};
  if (suffix == "n") return Scale{-9, 0, Family::kDecimal};
  if (suffix == "u") return Scale{-6, 0, Family::kDecimal};
  if (suffix == "m") return Scale{-3, 0, Family::kDecimal};
  for (size_t i = 0; i < kDecimalSuffixes.size(); ++i) {
    const int step = static_cast<int>(i) + 1;
    if (suffix == kDecimalSuffixes[i]) return Scale{3 * step, 0, Family::kDecimal};
    if (suffix == kBinarySuffixes[i]) return Scale{0, 10 * step, Family::kBinary};
  }
  if (suffix.front() != 'e' && suffix.front() != 'E') return std::nullopt;
  int64_t exponent = 0;
  if (!absl::SimpleAtoi(std::string(suffix.substr(1)), &exponent)) return std::nullopt;
  constexpr int64_t kExponentMax = std::numeric_limits<int32_t>::max();
  return Scale{std::clamp(exponent, -kExponentMax, kExponentMax), 0, Family::kExponent};
}

size_t SpanOf(std::string_view text, std::string_view allowed) {
  const size_t end = text.find_first_not_of(allowed);
  return end == std::string_view::npos ? text.size() : end;
}

// digits with the point after `places` of them, times 1000 * 2^shift, rounded up and capped.
// `digits` has no leading zero.
Int128 ToMilli(std::string_view digits, int64_t places, int shift) {
  if (digits.empty()) return 0;
  if (places > kPlacesMax) return kMilliMax;
  if (places < -kPlacesMax) return 1;

  const Int128 factor = (Int128{1} << shift) * 1000;
  const Int128 whole_max = kMilliMax / factor;
  Int128 whole = 0;
  for (int64_t i = 0; i < places; ++i) {
    const int digit = i < static_cast<int64_t>(digits.size()) ? digits[i] - '0' : 0;
    whole = whole * 10 + digit;
    if (whole > whole_max) return kMilliMax;
  }

  // The part after the point is multiplied by hand, last digit first, so that no digit is lost
  // however many there are.
  Int128 carry = 0;
  bool remainder = false;
  for (int64_t i = static_cast<int64_t>(digits.size()) - 1; i >= places; --i) {
    const int digit = i >= 0 ? digits[i] - '0' : 0;
    const Int128 product = digit * factor + carry;
    remainder = remainder || product % 10 != 0;
    carry = product / 10;
  }
  return std::min(whole * factor + carry + (remainder ? 1 : 0), kMilliMax);
}

Int128 DivideAwayFromZero(Int128 value, int divisor) {
  return (value + (value < 0 ? 1 - divisor : divisor - 1)) / divisor;
}

int64_t Capped(Int128 value) {
  const Int128 low = std::numeric_limits<int64_t>::min();
  return static_cast<int64_t>(std::clamp(value, low, Int128{kUnitsMax}));
}

std::string Digits(Int128 value) {
  const bool negative = value < 0;
  std::string reversed;
  do {
    reversed += static_cast<char>('0' + static_cast<int>(negative ? -(value % 10) : value % 10));
    value /= 10;
  } while (value != 0);
  if (negative) reversed += '-';
  return {reversed.rbegin(), reversed.rend()};
}

// Divides by `base` as long as nothing is left over; says how often.
size_t TakeOut(Int128& value, int base, size_t times_max) {
  size_t times = 0;
  while (times < times_max && value != 0 && value % base == 0) {
    value /= base;
    ++times;
  }
  return times;
}

}  // namespace

absl::StatusOr<Quantity> Quantity::Parse(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789";
  std::string_view rest = text;
  while (!rest.empty() && absl::ascii_isspace(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && absl::ascii_isspace(rest.back())) rest.remove_suffix(1);
  if (rest.empty()) return FormatError();
  const bool negative = rest.front() == '-';
  if (rest.front() == '-' || rest.front() == '+') rest.remove_prefix(1);

  const std::string_view whole = rest.substr(0, SpanOf(rest, kDigits));
  rest.remove_prefix(whole.size());
  std::string_view fraction;
  const bool has_point = !rest.empty() && rest.front() == '.';
  if (has_point) {
    rest.remove_prefix(1);
    fraction = rest.substr(0, SpanOf(rest, kDigits));
    rest.remove_prefix(fraction.size());
  }

  size_t suffix_size = SpanOf(rest, "eEinumkKMGTP");
  if (suffix_size < rest.size() && (rest[suffix_size] == '-' || rest[suffix_size] == '+')) {
    ++suffix_size;
  }
  suffix_size += SpanOf(rest.substr(suffix_size), kDigits);
  if (suffix_size != rest.size()) return FormatError();
  const std::optional<Scale> scale = ParseSuffix(rest);
  if (!scale) return SuffixError();
  if (whole.empty() && !has_point) {
    return absl::InvalidArgumentError("unable to parse numeric part of quantity");
  }

  const std::string digits = std::string(whole).append(fraction);
  const size_t zeros = SpanOf(digits, "0");
  const int64_t places =
      static_cast<int64_t>(whole.size()) - static_cast<int64_t>(zeros) + scale->exponent;
  const Int128 milli = ToMilli(std::string_view(digits).substr(zeros), places, scale->shift);
  return Quantity(negative ? -milli : milli, scale->family);
}

Quantity Quantity::FromMilli(int64_t milli, Family family) { return {Int128{milli}, family}; }

Quantity Quantity::FromUnits(int64_t units, Family family) {
  return {Int128{units} * 1000, family};
}

int64_t Quantity::Value() const { return Capped(DivideAwayFromZero(milli_, 1000)); }

int64_t Quantity::MilliValue() const { return Capped(milli_); }

std::string Quantity::ToString() const {
  if (milli_ == 0) return "0";
  Int128 value = milli_;
  // Kubernetes prints binary amounts that are small or no whole number of units as decimals.
  const bool small = milli_ > -1024 * 1000 && milli_ < 1024 * 1000;
  if (family_ == Family::kBinary && IsInteger() && !small) {
    value /= 1000;
    const size_t steps = TakeOut(value, 1024, kBinarySuffixes.size());
    return Digits(value).append(steps == 0 ? "" : kBinarySuffixes[steps - 1]);
  }
  if (family_ == Family::kExponent) {
    const int exponent = 3 * static_cast<int>(TakeOut(value, 1000, kPlacesMax)) - 3;
    return exponent == 0 ? Digits(value) : Digits(value) + "e" + std::to_string(exponent);
  }
  const size_t steps = TakeOut(value, 1000, kDecimalSuffixes.size() + 1);
  if (steps == 0) return Digits(value) + "m";
  return Digits(value).append(steps == 1 ? "" : kDecimalSuffixes[steps - 2]);
}

Quantity& Quantity::operator+=(const Quantity& other) {
  if (milli_ == 0) family_ = other.family_;
  milli_ += other.milli_;
  return *this;
}

Quantity& Quantity::operator-=(const Quantity& other) {
  if (milli_ == 0) family_ = other.family_;
  milli_ -= other.milli_;
  return *this;
}

}  // namespace muster::model
