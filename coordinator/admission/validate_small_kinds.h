#pragma once

#include "coordinator/admission/problem.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/config.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for the kinds beside DaemonSet, and for what of them may not change. Metadata
// is checked elsewhere.

void ValidateConfigMap(const v1::ConfigMap& config_map, Problems& problems);
void ValidateSecret(const v1::Secret& secret, Problems& problems);
void ValidatePriorityClass(const v1::PriorityClass& priority_class, Problems& problems);
void ValidateServiceAccount(const v1::ServiceAccount& account, Problems& problems);

void ValidatePodUpdate(const v1::Pod& updated, const v1::Pod& stored, Problems& problems);
void ValidateConfigMapUpdate(const v1::ConfigMap& updated, const v1::ConfigMap& stored,
                             Problems& problems);
void ValidateSecretUpdate(const v1::Secret& updated, const v1::Secret& stored, Problems& problems);
void ValidatePriorityClassUpdate(const v1::PriorityClass& updated, const v1::PriorityClass& stored,
                                 Problems& problems);

}  // namespace muster::coordinator
