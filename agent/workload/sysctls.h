#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::agent {

// Why a pod is refused, in kubelet's words.
inline constexpr char kSysctlForbiddenReason[] = "SysctlForbidden";

// Kubernetes: a pod may set what is its own and harms nobody else, and beyond that only what the
// node's administrator allows, by name or by a prefix with "*" ("kernel.msg*"). What the pod shares
// with the host it may not set at all. The message when the pod has to be refused.
std::optional<std::string> ForbiddenSysctl(const v1::PodSpec& spec,
                                           const std::vector<std::string>& allowed);

}  // namespace muster::agent
