#pragma once

#include <optional>
#include <string>

#include "common/base/clock.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// How a report of an agent and what is stored become the next stored status. Pure functions.

// The agent's word counts, except:
//  - a condition whose status did not flip keeps its lastTransitionTime (Kubernetes rule); one
//    that flipped and comes without a time gets `now`;
//  - conditions of types the agent did not mention stay, they are somebody else's;
//  - phases Succeeded and Failed are final, with their reason and message;
//  - qosClass, startTime, hostIP, nominatedNodeName and prePull stay when the report has none.
v1::PodStatus MergePodStatus(const v1::PodStatus& stored, const v1::PodStatus& reported,
                             WallTime now);

// The node with the reported status, and with the labels kubernetes.io/hostname, os and arch where
// they are missing (the host name is the node's). Those that are there stay, whatever is reported:
// workloads, and the Secrets they mention, are given to nodes by labels, and a node is not to call
// itself another one. Conditions as above; their lastHeartbeatTime becomes `now`. Nothing when only
// heartbeat times would differ, so that a healthy node causes no writes.
std::optional<v1::Node> MergeNodeStatus(const v1::Node& stored, const v1::NodeStatus& reported,
                                        WallTime now);

}  // namespace muster::coordinator
