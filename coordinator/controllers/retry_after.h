#pragma once

#include "common/base/clock.h"

namespace muster::coordinator {

// How long what failed so often in a row is left alone. Kubernetes' work queue: 5 ms, doubled with
// each failure, up to 1000 s.
MonoTime::duration RetryAfter(int failures);

}  // namespace muster::coordinator
