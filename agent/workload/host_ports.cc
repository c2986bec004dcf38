#include "agent/workload/host_ports.h"

namespace muster::agent {
namespace {

struct HostPort {
  std::string protocol;
  int32_t port;
  std::string ip;  // Empty: every address.
};

std::vector<HostPort> HostPortsOf(const v1::PodSpec& spec) {
  std::vector<HostPort> ports;
  for (const v1::Container& container : spec.containers()) {
    for (const v1::ContainerPort& port : container.ports()) {
      if (port.host_port() == 0) continue;
      ports.push_back({port.protocol().empty() ? "TCP" : port.protocol(), port.host_port(),
                       port.host_ip() == "0.0.0.0" ? "" : port.host_ip()});
    }
  }
  return ports;
}

}  // namespace

bool HostPortsClash(const v1::PodSpec& a, const v1::PodSpec& b) {
  const std::vector<HostPort> others = HostPortsOf(b);
  for (const HostPort& one : HostPortsOf(a)) {
    for (const HostPort& other : others) {
      if (one.protocol == other.protocol && one.port == other.port &&
          (one.ip == other.ip || one.ip.empty() || other.ip.empty())) {
        return true;
      }
    }
  }
  return false;
}

}  // namespace muster::agent
