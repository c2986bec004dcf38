#include "agent/network/host_port_table.h"

#include <algorithm>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/ascii.h"

namespace muster::agent {
namespace {

struct Candidate {
  const HostPortPod* pod;
  PodEndpoint to;
  std::string group;
};

std::string GroupOf(const HostPortPod& pod, const model::HostPort& port) {
  return port.owner.empty() ? pod.uid : port.owner;
}

// The families in which the pod is to be reached by this port.
std::vector<HostPortKey> KeysOf(const model::HostPort& port) {
  std::vector<HostPortKey> keys;
  const std::optional<IpAddress> asked = ParseIp(port.ip);
  for (const bool v6 : {false, true}) {
    if (asked && asked->v6 != v6) continue;
    const bool every = !asked || *asked == IpAddress{.v6 = v6};
    keys.push_back({v6, absl::AsciiStrToLower(port.protocol),
                    every ? std::nullopt : std::optional(*asked), port.port});
  }
  return keys;
}

// The larger, the better.
auto RankOf(const Candidate& candidate) {
  const HostPortPod& pod = *candidate.pod;
  const int64_t age = pod.ready ? pod.began_ms : -pod.began_ms;
  return std::tuple(pod.ready, !pod.terminating, age, pod.uid);
}

}  // namespace

HostPortTable LeadHostPorts(const std::vector<HostPortPod>& pods) {
  std::set<std::string> led_groups;
  for (const HostPortPod& pod : pods) {
    for (const model::HostPort& port : pod.ports) {
      if (port.zero_gap) led_groups.insert(GroupOf(pod, port));
    }
  }
  std::map<HostPortKey, std::vector<Candidate>> wanted;
  for (const HostPortPod& pod : pods) {
    for (const model::HostPort& port : pod.ports) {
      const std::string group = GroupOf(pod, port);
      if (!led_groups.contains(group)) continue;
      for (const HostPortKey& key : KeysOf(port)) {
        for (const IpAddress& address : pod.addresses) {
          if (address.v6 != key.v6) continue;
          wanted[key].push_back({&pod, {address, port.container_port}, group});
          break;  // The first one of a family is the pod's.
        }
      }
    }
  }
  HostPortTable table;
  for (auto& [key, candidates] : wanted) {
    const auto oldest = std::ranges::min_element(candidates, {}, [](const Candidate& candidate) {
      return std::pair(candidate.pod->began_ms, candidate.pod->uid);
    });
    const std::string group = oldest->group;
    std::erase_if(candidates,
                  [&group](const Candidate& candidate) { return candidate.group != group; });
    const auto best = std::ranges::max_element(candidates, {}, RankOf);
    HostPortLead& lead = table[key];
    lead = {best->to, best->pod->uid, {}};
    for (const Candidate& other : candidates) {
      if (other.to != best->to && other.pod->ready) lead.others.push_back(other.to);
    }
    std::ranges::sort(lead.others);
  }
  return table;
}

}  // namespace muster::agent
