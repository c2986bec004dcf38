#pragma once

#include <cstdint>

#include "coordinator/admission/problem.h"
#include "muster/v1/container.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for the probes and hooks of a container.

enum class ProbeUse { kLiveness, kReadiness, kStartup };

void ValidateProbe(const FieldPath& path, const v1::Probe& probe, ProbeUse use, Problems& problems);
// `grace_seconds` is the time the pod has to stop, which bounds a sleep before it.
void ValidateLifecycle(const FieldPath& path, const v1::Lifecycle& lifecycle, int64_t grace_seconds,
                       Problems& problems);

}  // namespace muster::coordinator
