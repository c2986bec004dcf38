#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "coordinator/podsecurity/pod_security.h"

namespace muster::coordinator {

// What the standard looks at of each container, of whatever kind.
struct ContainerPart {
  std::string name;
  const v1::SecurityContext* security = nullptr;  // Never null; what is unset is the default.
  const google::protobuf::RepeatedPtrField<v1::ContainerPort>* ports = nullptr;
  std::vector<const v1::Probe*> probes;               // Only those that are set.
  std::vector<const v1::LifecycleHandler*> handlers;  // Likewise.
};
// Init containers, containers, ephemeral containers.
std::vector<ContainerPart> ContainersOf(const v1::PodSpec& spec);

// container "a", containers "a", "b"
std::string ContainersText(const std::vector<std::string>& names);
// "a", "b"
std::string QuotedList(const std::vector<std::string>& texts);

// The controls of one level, each added when it is not met.
using Violations = std::vector<PodSecurityViolation>;
void CheckBaseline(const v1::ObjectMeta& metadata, const v1::PodSpec& spec, Violations& violations);
// What restricted asks for beyond it.
void CheckRestricted(const v1::PodSpec& spec, Violations& violations);

}  // namespace muster::coordinator
