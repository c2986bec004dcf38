#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "muster/v1/pod.pb.h"

namespace muster::model {

// One port of the host that a pod wants for itself. A plain value.
struct HostPort {
  int32_t port = 0;
  std::string protocol;  // "TCP" when the manifest has none.
  std::string ip;        // "" and "0.0.0.0" are every address of the host.
  int32_t container_port = 0;
  // Uid of the pod's DaemonSet; "" when it has none.
  std::string owner;
  bool zero_gap = false;  // Of a pod that IsZeroGap.

  bool operator==(const HostPort&) const = default;
};

// Those of regular containers and of sidecars, in the order of the manifest, each once. A plain
// init container frees its ports before the pod runs.
std::vector<HostPort> HostPortsOf(const v1::Pod& pod);

// Do two pods with these ports exclude each other on a node? Not when they are of one DaemonSet
// and the agent leads to one of them, since it has a port lead to one pod at a time.
bool Clash(const HostPort& a, const HostPort& b);

// It has the annotation muster.dev/zero-gap "true", and a network of its own.
bool IsZeroGap(const v1::Pod& pod);

}  // namespace muster::model
