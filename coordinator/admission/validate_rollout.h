#pragma once

#include "coordinator/admission/problem.h"
#include "coordinator/admission/support.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// The annotations that steer rollouts: values that say nothing, or contradict the spec.
void ValidateRolloutPolicy(const v1::DaemonSet& daemon_set, Problems& problems);

// Annotations below muster.dev/ that nobody reads, or that have no effect as things are.
void WarnAboutRolloutPolicy(const v1::DaemonSet& daemon_set, SupportReport& report);

}  // namespace muster::coordinator
