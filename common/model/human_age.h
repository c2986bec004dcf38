#pragma once

#include <string>

#include "common/base/clock.h"

namespace muster::model {

// How long ago, as kubectl says it: truncated, with a second unit only while it matters
// ("90s", "5m30s", "47h", "3d4h", "2y10d").
std::string HumanAge(Duration elapsed);

}  // namespace muster::model
