#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "muster/v1/meta.pb.h"

namespace muster::model {

// The text forms of points in time in manifests: RFC 3339 in UTC, whole seconds for Time
// ("2026-01-31T09:15:00Z"), six decimals for MicroTime.

std::string FormatTime(const v1::Time& time);
std::string FormatMicroTime(const v1::MicroTime& time);

// Any RFC 3339 text with an offset and up to nine decimals, years 0001 to 9999.
// InvalidArgument otherwise.
absl::StatusOr<v1::Time> ParseTime(std::string_view text);
absl::StatusOr<v1::MicroTime> ParseMicroTime(std::string_view text);

absl::Time ToAbslTime(const v1::Time& time);
absl::Time ToAbslTime(const v1::MicroTime& time);
// As Kubernetes stores them: Time without its fraction of a second, MicroTime without what is
// finer than a microsecond.
v1::Time ToTime(absl::Time time);
v1::MicroTime ToMicroTime(absl::Time time);

}  // namespace muster::model
