#pragma once

#include "coordinator/admission/problem.h"
#include "coordinator/admission/validate_container.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for the body of a pod or of a template, after defaulting.
void ValidatePodSpec(const FieldPath& path, const v1::PodSpec& spec, PodUse use,
                     Problems& problems);

// The body together with labels and annotations of the pods made from it.
void ValidatePodTemplate(const FieldPath& path, const v1::PodTemplateSpec& pod_template,
                         Problems& problems);

}  // namespace muster::coordinator
