#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "muster/v1/meta.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// Kubernetes' Pod Security Standards, in their newest version. Pure functions of a pod.

enum class PodSecurityLevel { kPrivileged, kBaseline, kRestricted };

// "privileged", "baseline", "restricted".
std::string_view NameOf(PodSecurityLevel level);
std::optional<PodSecurityLevel> PodSecurityLevelNamed(std::string_view name);

// One control that a pod does not meet, in Kubernetes' words for it.
struct PodSecurityViolation {
  std::string control;  // "hostPath volumes"
  std::string detail;   // volume "logs"

  bool operator==(const PodSecurityViolation&) const = default;
};

// What of a pod, or of a template, a level does not allow, in the order of the standard. Nothing at
// kPrivileged. Of the metadata the annotations count, which carried AppArmor profiles before there
// was a field. Every kind of container counts. Pods are those of Linux hosts, whatever spec.os
// says.
std::vector<PodSecurityViolation> CheckPodSecurity(PodSecurityLevel level,
                                                   const v1::ObjectMeta& metadata,
                                                   const v1::PodSpec& spec);

// violates PodSecurity "baseline:latest": hostPath volumes (volume "logs"), ...
std::string PodSecurityText(PodSecurityLevel level,
                            const std::vector<PodSecurityViolation>& violations);

}  // namespace muster::coordinator
