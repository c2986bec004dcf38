#pragma once

#include <optional>
#include <string>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::agent {

// The words of Kubernetes for a pod whose host ports are taken.
inline constexpr char kNodePortsReason[] = "NodePorts";
inline constexpr char kNodePortsMessage[] =
    "Predicate NodePorts failed: node(s) didn't have free ports for the requested pod ports";

// True when both want the same protocol and port of the host, on the same address or one of them on
// all. Neither runtime nor network plug-in notices, so this is the only check there is. `led`: the
// agent leads ports of pods with zero-gap itself here, so that those of one DaemonSet do not clash.
bool HostPortsClash(const v1::Pod& a, const v1::Pod& b, bool led);

}  // namespace muster::agent
