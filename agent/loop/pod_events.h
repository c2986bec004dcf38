#pragma once

#include <optional>
#include <string>

#include "agent/workload/action.h"
#include "agent/workload/outcome.h"
#include "common/base/clock.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// What is told about a pod, in the words of Kubernetes' kubelet.
struct PodEvent {
  std::string reason;
  std::string message;
  bool warning = false;
  std::string container;  // Empty: the pod as a whole.
  bool operator==(const PodEvent&) const = default;
};

// When an action begins; `image` is what the user wrote.
std::optional<PodEvent> EventOfBegin(const Action& action);
// When it has ended after `took`; `image_bytes` is 0 when not known.
std::optional<PodEvent> EventOfEnd(const Action& action, const Outcome& outcome, Duration took);
// When a launch reached a step.
PodEvent EventOfStep(const std::string& container, LaunchStep step);
// When a container begins to wait for this reason; none when that is nothing to tell.
std::optional<PodEvent> EventOfWaiting(const v1::Pod& pod, const std::string& container,
                                       const std::string& reason, const std::string& message);
// The event as the coordinator stores it.
v1::Event MakeEvent(const PodEvent& event, const v1::Pod& pod, const std::string& node_name,
                    WallTime now);

// A warning about the node itself.
v1::Event MakeNodeWarning(const std::string& reason, const std::string& message,
                          const std::string& node_name, WallTime now);

}  // namespace muster::agent
