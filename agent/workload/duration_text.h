#pragma once

#include <string>

#include "common/base/clock.h"

namespace muster::agent {

// As Go prints durations, which is how Kubernetes' messages show them: "10s", "1m20s", "5m0s",
// "1.234s", "812ms". Rounded down to the millisecond.
std::string DurationText(Duration duration);

}  // namespace muster::agent
