#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// PriorityClasses by name.
using PriorityClasses = std::map<std::string, v1::PriorityClass>;

struct PodPriority {
  std::optional<std::string> class_name;
  int32_t value = 0;
  std::string preemption_policy = "PreemptLowerPriority";
};

// What a pod counts beside others: by its class, one of the two of the system or one of `classes`;
// without one by the global default; else 0. NotFound when there is no such class, in Kubernetes'
// words about the pod `name`. Pure.
absl::StatusOr<PodPriority> FindPriority(const v1::PodSpec& spec, const std::string& name,
                                         const PriorityClasses& classes);

// Writes it into the spec.
void SetPriority(const PodPriority& priority, v1::PodSpec& spec);

inline constexpr char kNeverPreempt[] = "Never";

}  // namespace muster::coordinator
