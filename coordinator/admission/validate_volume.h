#pragma once

#include <set>
#include <string>

#include "coordinator/admission/problem.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Kubernetes' rules for the volumes of a pod; sources that Muster refuses anyway are only counted.
// Returns the names that mounts may use.
std::set<std::string> ValidateVolumes(const FieldPath& path,
                                      const google::protobuf::RepeatedPtrField<v1::Volume>& volumes,
                                      Problems& problems);

// Also for environment variables: which fields of the pod may be referred to.
enum class FieldRefUse { kEnvironment, kVolume };
void ValidateFieldRef(const FieldPath& path, const v1::ObjectFieldSelector& field_ref,
                      FieldRefUse use, Problems& problems);
void ValidateResourceFieldRef(const FieldPath& path, const v1::ResourceFieldSelector& field_ref,
                              FieldRefUse use, Problems& problems);

}  // namespace muster::coordinator
