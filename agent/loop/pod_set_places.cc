// The part of PodSet that is about Services: where its pods are to be reached, and whether they are
// ready for it.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "agent/loop/pod_record.h"
#include "agent/loop/pod_set.h"
#include "agent/workload/pod_status.h"

namespace muster::agent {

std::optional<OwnPods> PodSet::AsPlaces() const {
  if (assignment_ == nullptr || !assignment_->complete() || !view_.listed_once()) {
    return std::nullopt;
  }
  OwnPods pods;
  for (const auto& [uid, record] : records_) {
    if (record->pod == nullptr) continue;
    // Whether it is ready is not known yet.
    if (!record->looked) return std::nullopt;
    if (record->refused || record->IsFinished()) continue;
    OwnPod pod;
    if (const SandboxInstance* sandbox = CurrentSandbox(record->observed)) {
      const bool host_network = record->pod->spec().host_network();
      for (const std::string& ip : host_network ? node_.context.host_ips : sandbox->status.ips) {
        if (const auto address = ParseIp(ip)) pod.addresses.push_back(*address);
      }
    }
    pod.ready = record->status && IsReady(*record->status);
    pod.terminating = record->IsTerminating();
    // Of two with one name the first has to be gone before the second one has anything.
    const auto [at, added] = pods.try_emplace({record->namespace_, record->name}, pod);
    if (!added && at->second.addresses.empty()) at->second = std::move(pod);
  }
  return pods;
}

}  // namespace muster::agent
