#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "muster/v1/meta.pb.h"

namespace muster::model {

v1::IntOrString FromInt(int32_t value);
v1::IntOrString FromString(std::string_view text);

// "7" or the string.
std::string ToText(const v1::IntOrString& value);

// The N of "N%": digits and a percent sign, nothing else. Nothing for other texts, numbers, and
// more percent than an int32 holds.
std::optional<int32_t> PercentOf(const v1::IntOrString& value);

// The number itself, or N percent of `total` rounded up, in integers: 7% of 100 is 7, where
// floating point would say 8. InvalidArgument for a string that is no percentage.
absl::StatusOr<int32_t> ScaledRoundingUp(const v1::IntOrString& value, int32_t total);

}  // namespace muster::model
