// The part of PodSet that is about ports of the host: which pods have them, and when one that is
// going may be stopped without anybody at such a port noticing.

#include <algorithm>
#include <chrono>
#include <optional>
#include <vector>

#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"
#include "agent/workload/pod_status.h"
#include "common/model/host_ports.h"

namespace muster::agent {
namespace {

// Two pods that the same ports lead to, one after the other.
bool SharePorts(const v1::Pod& a, const v1::Pod& b) {
  const std::vector<model::HostPort> others = model::HostPortsOf(b);
  return std::ranges::any_of(model::HostPortsOf(a), [&others](const model::HostPort& port) {
    return !port.owner.empty() &&
           std::ranges::any_of(others, [&port](const model::HostPort& other) {
             return port.owner == other.owner && (port.zero_gap || other.zero_gap) &&
                    port.port == other.port && port.protocol == other.protocol;
           });
  });
}

}  // namespace

std::optional<HostPortWish> PodSet::HostPorts() const {
  if (assignment_ == nullptr || !assignment_->complete() || !view_.listed_once()) {
    return std::nullopt;
  }
  HostPortWish wish;
  std::vector<HostPortPod> pods;
  for (const auto& [uid, record] : records_) {
    if (record->pod == nullptr || record->pod->spec().host_network()) continue;
    HostPortPod pod;
    pod.ports = model::HostPortsOf(*record->pod);
    if (pod.ports.empty()) continue;
    // Whether it is ready is not known yet.
    if (!record->looked) return std::nullopt;
    const SandboxInstance* sandbox = CurrentSandbox(record->observed);
    if (sandbox == nullptr || record->refused || record->IsFinished()) continue;
    if (!pod.ports.front().zero_gap) wish.runtime_has_some = true;
    pod.uid = uid;
    for (const std::string& ip : sandbox->status.ips) {
      if (const auto address = ParseIp(ip)) pod.addresses.push_back(*address);
    }
    pod.ready = record->status && IsReady(*record->status);
    pod.terminating = record->IsTerminating();
    if (record->start_time) {
      pod.began_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                         record->start_time->time_since_epoch())
                         .count();
    }
    pods.push_back(std::move(pod));
  }
  wish.table = LeadHostPorts(pods);
  return wish;
}

std::optional<MonoTime> PodSet::StopNotBefore(const Record& record, const PodIntent& intent) const {
  if (record.pod == nullptr || !node_.context.leads_host_ports || intent.grace.count() == 0) {
    return std::nullopt;
  }
  // Only for one who can take over; after a start it is not known who is ready.
  const bool has_successor = std::ranges::any_of(records_, [&record](const auto& entry) {
    const Record& other = *entry.second;
    if (&other == &record || other.pod == nullptr || other.IsTerminating() ||
        !SharePorts(*record.pod, *other.pod)) {
      return false;
    }
    return !other.looked || (other.status && IsReady(*other.status));
  });
  if (!has_successor) return std::nullopt;
  const HostPortState& ports = node_.host_ports;
  const MonoTime since = *record.observed.terminating_since;
  const MonoTime latest =
      since + std::min<Duration>(kHostPortPatience, std::chrono::nanoseconds(intent.grace) / 2);
  if (!ports.known || ports.led.contains(record.uid)) return latest;
  const auto until = ports.until.find(record.uid);
  if (until == ports.until.end()) return std::nullopt;
  return std::min(until->second, latest);
}

}  // namespace muster::agent
