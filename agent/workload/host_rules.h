#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::agent {

// Why a pod is refused that the owner of the host does not want.
inline constexpr char kForbiddenByHostReason[] = "ForbiddenByHost";

// What the owner of a host does not let pods have, whatever the coordinator says. A plain value;
// as it is, it forbids nothing.
struct HostRules {
  bool forbid_privileged = false;  // Containers with securityContext.privileged.
  bool forbid_host_network = false, forbid_host_pid = false, forbid_host_ipc = false;
  // Not set: all. Empty: none. Capabilities as they are written in manifests: "NET_ADMIN"; "ALL" is
  // only there when it is in the list.
  std::optional<std::vector<std::string>> host_paths, registries, capabilities;

  bool operator==(const HostRules&) const = default;
};

// The first thing of the pod that the rules forbid, and the setting that says so; nothing when it
// may run. Who has all of the host by being privileged has its capabilities too. Pure.
std::optional<std::string> ForbiddenByHost(const v1::PodSpec& spec, const HostRules& rules);

}  // namespace muster::agent
