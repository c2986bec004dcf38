#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Which container of a pod `logs` and `exec` are about. Pure.
//
// The one asked for, of any sort; else the one named by annotation
// kubectl.kubernetes.io/default-container; else the only regular one. InvalidArgument with
// Kubernetes' words and the choices otherwise.
absl::StatusOr<std::string> ChooseContainer(const v1::Pod& pod, const std::string& asked);

}  // namespace muster::coordinator
