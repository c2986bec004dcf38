#pragma once

#include <string>

#include "common/base/clock.h"
#include "muster/v1/meta.pb.h"

namespace muster::coordinator {

// How long ago, as kubectl says it: truncated, with a second unit only while it matters
// ("90s", "5m30s", "47h", "3d4h", "2y10d").
std::string HumanAge(Duration elapsed);

// HumanAge of what has a time; "<unknown>" for a time that is not set.
std::string AgeOf(const v1::Time& time, WallTime now);
std::string AgeOf(const v1::MicroTime& time, WallTime now);

// "Mon, 02 Jan 2006 15:04:05 +0000", always in UTC.
std::string FullTime(const v1::Time& time);

bool IsUnset(const v1::Time& time);
bool IsUnset(const v1::MicroTime& time);

}  // namespace muster::coordinator
