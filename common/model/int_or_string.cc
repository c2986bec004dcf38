#include "common/model/int_or_string.h"

#include <algorithm>
#include <charconv>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace muster::model {

v1::IntOrString FromInt(int32_t value) {
  v1::IntOrString result;
  result.set_int_value(value);
  return result;
}

v1::IntOrString FromString(std::string_view text) {
  v1::IntOrString result;
  result.set_string_value(std::string(text));
  return result;
}

std::string ToText(const v1::IntOrString& value) {
  return value.has_string_value() ? value.string_value() : absl::StrCat(value.int_value());
}

std::optional<int32_t> PercentOf(const v1::IntOrString& value) {
  if (!value.has_string_value()) return std::nullopt;
  const std::string& text = value.string_value();
  if (text.size() < 2 || text.back() != '%') return std::nullopt;
  const std::string_view digits = std::string_view(text).substr(0, text.size() - 1);
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) return std::nullopt;
  int32_t percent = 0;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc()) return std::nullopt;
  return percent;
}

absl::StatusOr<int32_t> ScaledRoundingUp(const v1::IntOrString& value, int32_t total) {
  if (!value.has_string_value()) return value.int_value();
  const std::optional<int32_t> percent = PercentOf(value);
  if (!percent) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", value.string_value(), "\" is neither a number nor a percentage"));
  }
  const int64_t scaled = (int64_t{*percent} * std::max(total, 0) + 99) / 100;
  return static_cast<int32_t>(std::min<int64_t>(scaled, std::numeric_limits<int32_t>::max()));
}

}  // namespace muster::model
