#pragma once

#include "coordinator/admission/problem.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for resources of a running pod that change in place.

// `path` is that of the pod's spec.
void ValidateResizePolicies(const FieldPath& path, const v1::PodSpec& spec, Problems& problems);

// What may differ of resources between two specs of one pod. The quality of service stays, and so
// does which of cpu and memory have a request and a limit; a memory limit falls only where that
// restarts the container.
void ValidateResize(const FieldPath& path, const v1::PodSpec& updated, const v1::PodSpec& stored,
                    Problems& problems);

// Resources as they were, of the containers that may have others.
void AdoptResources(const v1::PodSpec& stored, v1::PodSpec& updated);

}  // namespace muster::coordinator
