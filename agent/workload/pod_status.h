#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/workload/observed.h"
#include "agent/workload/plan.h"
#include "agent/workload/resize.h"
#include "common/base/clock.h"
#include "muster/v1/pod.pb.h"
#include "muster/v1/pod_status.pb.h"

namespace muster::agent {

// The node takes a pod away (kubelet's eviction). Its status says so once nothing of it runs.
struct Disruption {
  std::string reason;   // Of the pod, then in phase Failed: "Evicted".
  std::string message;  // Of the pod and of its condition DisruptionTarget.
};

// What a status is made from. Borrows everything.
struct StatusInput {
  const v1::Pod& pod;
  const ObservedPod& observed;
  const Plan& plan;
  bool terminating = false;
  std::vector<std::string> host_ips;  // The first one is status.hostIP.
  WallTime start_time;                // When this node took the pod.
  std::string runtime_name;           // "containerd", the scheme of container ids.
  // Messages that instances left behind, by container id.
  const std::map<std::string, std::string>& termination_messages;
  const Disruption* disruption = nullptr;
  // Why the pod has less than it is to have; `pod` is the one with what it has.
  const ResizeRefusal* resize_refusal = nullptr;
};

// The status of a pod as kubelet reports it: phase, conditions, container states.
//
// Pure. `previous` is the last one reported; conditions that did not change keep their times, and
// without it they get the time of what made them so, so that a new agent reports the same.
// Conditions of unknown types are preserved. Failed and Succeeded never change again. A pod that
// runs to its end and is stopped before is Failed with the reason Interrupted, which kubelet does
// not have: whoever counts runs must not take an exit code that we caused for a result.
v1::PodStatus MakePodStatus(const StatusInput& input, const v1::PodStatus& previous, WallTime now);

// The final status of a pod that this node will not run.
v1::PodStatus MakeRejectedStatus(const v1::Pod& pod, const std::string& reason,
                                 const std::string& message, WallTime now);

// Its condition Ready is true.
bool IsReady(const v1::PodStatus& status);

v1::Time ToApiTime(WallTime time);  // Whole seconds.

}  // namespace muster::agent
