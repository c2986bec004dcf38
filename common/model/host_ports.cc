#include "common/model/host_ports.h"

#include <algorithm>
#include <optional>

#include "common/base/ip_address.h"
#include "common/model/pod_annotations.h"
#include "common/model/resources.h"

namespace muster::model {
namespace {

// Kubernetes has no other name for it: "::" is every IPv6 address only.
bool IsEveryAddress(const std::string& ip) { return ip.empty() || ip == "0.0.0.0"; }

bool SameAddress(const std::string& a, const std::string& b) {
  if (a == b || IsEveryAddress(a) || IsEveryAddress(b)) return true;
  const std::optional<IpAddress> first = ParseIp(a), second = ParseIp(b);
  if (!first || !second || first->v6 != second->v6) return false;
  static const IpAddress kEveryIpv6{.v6 = true};
  return *first == *second || *first == kEveryIpv6 || *second == kEveryIpv6;
}

// Of all static pods of a node the controller is that node, so it tells nothing.
std::string DaemonSetUid(const v1::Pod& pod) {
  for (const v1::OwnerReference& owner : pod.metadata().owner_references()) {
    if (owner.controller() && owner.kind() == "DaemonSet") return owner.uid();
  }
  return "";
}

}  // namespace

bool IsZeroGap(const v1::Pod& pod) {
  const auto& annotations = pod.metadata().annotations();
  const auto found = annotations.find(kZeroGapAnnotation);
  return found != annotations.end() && found->second == "true" && !pod.spec().host_network();
}

std::vector<HostPort> HostPortsOf(const v1::Pod& pod) {
  std::vector<HostPort> ports;
  HostPort common;
  common.owner = DaemonSetUid(pod);
  common.zero_gap = IsZeroGap(pod);
  const auto add = [&](const v1::Container& container) {
    for (const v1::ContainerPort& port : container.ports()) {
      if (port.host_port() == 0) continue;
      HostPort added = common;
      added.port = port.host_port();
      added.protocol = port.protocol().empty() ? "TCP" : port.protocol();
      added.ip = port.host_ip();
      added.container_port = port.container_port();
      if (std::ranges::find(ports, added) == ports.end()) ports.push_back(std::move(added));
    }
  };
  for (const v1::Container& container : pod.spec().containers()) add(container);
  for (const v1::Container& container : pod.spec().init_containers()) {
    if (IsSidecar(container)) add(container);
  }
  return ports;
}

bool Clash(const HostPort& a, const HostPort& b) {
  if (a.port != b.port || a.protocol != b.protocol || !SameAddress(a.ip, b.ip)) return false;
  const bool shared = !a.owner.empty() && a.owner == b.owner && (a.zero_gap || b.zero_gap);
  return !shared;
}

}  // namespace muster::model
