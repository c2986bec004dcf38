#pragma once

#include "coordinator/admission/problem.h"
#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// The annotations that change what a DaemonSet's pods are made from: muster.dev/overrides, under
// which every node must still get a valid pod, and muster.dev/roll-on-config.
void ValidateTemplateAnnotations(const v1::DaemonSet& daemon_set, Problems& problems);

}  // namespace muster::coordinator
