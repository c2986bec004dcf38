#pragma once

#include <string>

#include "common/base/clock.h"
#include "common/model/human_age.h"
#include "muster/v1/meta.pb.h"

namespace muster::coordinator {

using model::HumanAge;

// HumanAge of what has a time; "<unknown>" for a time that is not set.
std::string AgeOf(const v1::Time& time, WallTime now);
std::string AgeOf(const v1::MicroTime& time, WallTime now);

// "Mon, 02 Jan 2006 15:04:05 +0000", always in UTC.
std::string FullTime(const v1::Time& time);

bool IsUnset(const v1::Time& time);
bool IsUnset(const v1::MicroTime& time);

}  // namespace muster::coordinator
