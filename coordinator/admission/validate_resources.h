#pragma once

#include "coordinator/admission/problem.h"
#include "muster/v1/container.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for the limits and requests of a container: names, amounts, and how the two
// go together.
void ValidateResources(const FieldPath& path, const v1::ResourceRequirements& resources,
                       Problems& problems);

}  // namespace muster::coordinator
