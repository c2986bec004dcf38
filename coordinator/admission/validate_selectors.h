#pragma once

#include "coordinator/admission/problem.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for everything that picks objects: label selectors, affinity, tolerations,
// taints, spread constraints. Each adds what it finds to `problems`.

void ValidateLabelSelector(const FieldPath& path, const v1::LabelSelector& selector,
                           Problems& problems);
void ValidateAffinity(const FieldPath& path, const v1::Affinity& affinity, Problems& problems);
void ValidateTolerations(const FieldPath& path,
                         const google::protobuf::RepeatedPtrField<v1::Toleration>& tolerations,
                         Problems& problems);
void ValidateTaints(const FieldPath& path,
                    const google::protobuf::RepeatedPtrField<v1::Taint>& taints,
                    Problems& problems);
void ValidateSpreadConstraint(const FieldPath& path, const v1::TopologySpreadConstraint& constraint,
                              Problems& problems);

}  // namespace muster::coordinator
