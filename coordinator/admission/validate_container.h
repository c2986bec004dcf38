#pragma once

#include <set>
#include <string>

#include "coordinator/admission/problem.h"
#include "muster/v1/container.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Templates may leave open what is filled in when a pod is made.
enum class PodUse { kPod, kTemplate };

// Kubernetes' rules for all containers of a pod, regular and init, and for what must differ
// between them. `volumes` are the names that mounts may use; `path` is that of the pod's spec.
void ValidateContainers(const FieldPath& path, const v1::PodSpec& spec, PodUse use,
                        const std::set<std::string>& volumes, Problems& problems);

// Environment variables, one by one and whole maps of them.
void ValidateEnvironment(const FieldPath& container_path, const v1::Container& container,
                         Problems& problems);

// Rights of one container.
void ValidateSecurityContext(const FieldPath& path, const v1::SecurityContext& context,
                             Problems& problems);
// The parts that pods and containers share.
void ValidateSeccomp(const FieldPath& path, const v1::SeccompProfile& profile, Problems& problems);
void ValidateAppArmor(const FieldPath& path, const v1::AppArmorProfile& profile,
                      Problems& problems);
void CheckUserId(const FieldPath& path, int64_t id, Problems& problems);

}  // namespace muster::coordinator
