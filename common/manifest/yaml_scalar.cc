#include "common/manifest/yaml_scalar.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <optional>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace muster::manifest {
namespace {

using Type = PlainScalar::Type;

constexpr std::array<std::string_view, 11> kTrue = {"y",    "Y",    "yes", "Yes", "YES", "true",
                                                    "True", "TRUE", "on",  "On",  "ON"};
constexpr std::array<std::string_view, 11> kFalse = {"n",     "N",     "no",  "No",  "NO", "false",
                                                     "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 5> kNull = {"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 12> kNoNumber = {".nan",  ".NaN",  ".NAN",  ".inf",
                                                        ".Inf",  ".INF",  "+.inf", "+.Inf",
                                                        "+.INF", "-.inf", "-.Inf", "-.INF"};

template <size_t kSize>
bool Contains(const std::array<std::string_view, kSize>& list, std::string_view text) {
  for (std::string_view entry : list) {
    if (entry == text) return true;
  }
  return false;
}

// Digits of an integer in the base its prefix says (0x, 0o, 0b, 0, none). A value between the
// ends of int64, or up to those of uint64 when not negative.
std::optional<std::string> ParseInteger(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  const bool has_sign = negative || (!text.empty() && text.front() == '+');
  std::string_view digits = text.substr(has_sign ? 1 : 0);
  int base = 10;
  if (digits.size() > 1 && digits[0] == '0') {
    const char kind = absl::ascii_tolower(static_cast<unsigned char>(digits[1]));
    base = kind == 'x' ? 16 : kind == 'b' ? 2 : 8;
    digits.remove_prefix(kind == 'x' || kind == 'b' || kind == 'o' ? 2 : 1);
  }
  uint64_t magnitude = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), magnitude, base);
  if (digits.empty() || error != std::errc() || end != digits.data() + digits.size()) {
    return std::nullopt;
  }
  constexpr uint64_t kLowestMagnitude = uint64_t{1} << 63;
  if (negative && magnitude > kLowestMagnitude) return std::nullopt;
  // Kubernetes reads a plus sign only in front of what an int64 holds.
  if (has_sign && !negative && magnitude >= kLowestMagnitude) return std::nullopt;
  return (negative && magnitude != 0 ? "-" : "") + std::to_string(magnitude);
}

// [-+]? ( .digits | digits [.digits] ) ( [eE] [-+]? digits )?
bool LooksLikeFloat(std::string_view text) {
  size_t at = 0;
  const auto digits = [&] {
    const size_t start = at;
    while (at < text.size() && absl::ascii_isdigit(static_cast<unsigned char>(text[at]))) ++at;
    return at - start;
  };
  const auto sign = [&] {
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
  };
  sign();
  const size_t whole = digits();
  size_t fraction = 0;
  if (at < text.size() && text[at] == '.') {
    ++at;
    fraction = digits();
  }
  if (whole + fraction == 0) return false;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    sign();
    if (digits() == 0) return false;
  }
  return at == text.size();
}

// Numbers as Go's JSON encoder prints them, which is what a cluster would have stored.
std::optional<std::string> FloatToJson(std::string_view text) {
  double value = 0;
  if (!absl::SimpleAtod(std::string(text), &value) || !std::isfinite(value)) return std::nullopt;
  const double magnitude = std::fabs(value);
  const bool scientific = magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21);
  std::array<char, 64> buffer;
  const std::to_chars_result printed =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value,
                    scientific ? std::chars_format::scientific : std::chars_format::fixed);
  std::string json(buffer.data(), printed.ptr);
  // Go prints e-9 where C prints e-09.
  if (const size_t exponent = json.find('e'); exponent != std::string::npos) {
    if (json[exponent + 2] == '0') json.erase(exponent + 2, 1);
  }
  return json;
}

bool LooksLikeDate(std::string_view text) {
  size_t at = 0;
  const auto digits = [&](size_t most) {
    const size_t start = at;
    while (at < text.size() && at - start < most &&
           absl::ascii_isdigit(static_cast<unsigned char>(text[at]))) {
      ++at;
    }
    return at - start;
  };
  const auto dash = [&] { return at < text.size() && text[at++] == '-'; };
  if (digits(4) != 4 || !dash() || digits(2) == 0 || !dash() || digits(2) == 0) return false;
  return at == text.size() || text[at] == 'T' || text[at] == 't' || text[at] == ' ' ||
         text[at] == '\t';
}

// 1:30 and 190:20:30.15 are numbers to the base of 60.
bool LooksSexagesimal(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  const size_t colon = text.find(':');
  return colon != std::string_view::npos && colon > 0 &&
         text.find_first_not_of("0123456789_:.") == std::string_view::npos;
}

}  // namespace

PlainScalar ResolvePlainScalar(std::string_view text) {
  if (Contains(kNull, text)) return {Type::kNull, ""};
  if (Contains(kTrue, text)) return {Type::kBool, "true"};
  if (Contains(kFalse, text)) return {Type::kBool, "false"};
  if (Contains(kNoNumber, text)) return {Type::kFloat, ""};
  if (text == "<<") return {Type::kMerge, ""};
  const char first = text.front();
  const bool number_like = first == '.' || first == '-' || first == '+' ||
                           absl::ascii_isdigit(static_cast<unsigned char>(first));
  if (!number_like) return {Type::kString, std::string(text)};

  // Underscores may separate digits, but not in a number that begins with its point.
  std::string plain;
  for (char c : text) {
    if (c != '_' || first == '.') plain += c;
  }
  if (first != '.') {
    if (std::optional<std::string> integer = ParseInteger(plain)) {
      return {Type::kInteger, *std::move(integer)};
    }
  }
  if (LooksLikeFloat(plain)) {
    if (std::optional<std::string> number = FloatToJson(plain)) {
      return {Type::kFloat, *std::move(number)};
    }
  }
  return {Type::kString, std::string(text)};
}

bool MayReadAsNonString(std::string_view text) {
  if (ResolvePlainScalar(text).type != Type::kString) return true;
  return text == "=" || LooksLikeFloat(text) || LooksLikeDate(text) || LooksSexagesimal(text);
}

}  // namespace muster::manifest
