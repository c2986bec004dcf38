#include "agent/workload/host_ports.h"

#include <vector>

#include "common/model/host_ports.h"

namespace muster::agent {
namespace {

std::vector<model::HostPort> PortsOf(const v1::Pod& pod, bool led) {
  std::vector<model::HostPort> ports = model::HostPortsOf(pod);
  for (model::HostPort& port : ports) port.zero_gap = port.zero_gap && led;
  return ports;
}

}  // namespace

bool HostPortsClash(const v1::Pod& a, const v1::Pod& b, bool led) {
  const std::vector<model::HostPort> others = PortsOf(b, led);
  for (const model::HostPort& one : PortsOf(a, led)) {
    for (const model::HostPort& other : others) {
      if (model::Clash(one, other)) return true;
    }
  }
  return false;
}

}  // namespace muster::agent
