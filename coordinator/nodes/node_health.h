#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "common/base/moment.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod_status.pb.h"

namespace muster::coordinator {

// When the agent of a node was last heard. A plain value.
struct NodeContact {
  bool connected = false;
  bool broken = false;  // Its stream broke, and it has not come back.
  MonoTime last_seen{};
};

// How long an agent may be silent until its node counts as lost.
struct NodeHealthLimits {
  Duration silent = std::chrono::seconds(9);
  // After its stream broke: an agent that was killed or upgraded is back sooner, also on a machine
  // with much to do, and no readiness changes on its account.
  Duration broken = std::chrono::seconds(3);
  // After we began to listen: agents wait up to half a minute between two tries.
  Duration returning = std::chrono::seconds(40);
  // The same for a node that has never reported.
  Duration never_reported = std::chrono::seconds(60);
};

// When the node counts as lost unless its agent is heard before. `listening_since`: when this
// process began to listen, or began anew because nobody could be heard; what was not heard before
// is not held against the agents.
MonoTime LostAt(const v1::Node& node, const std::optional<NodeContact>& contact,
                MonoTime listening_since, const NodeHealthLimits& limits);

struct NodeHealth {
  // The node with the conditions and taints it should have; nothing when it has them already.
  std::optional<v1::Node> node;
  // Which way Ready went, for an event about the node.
  enum class Turn { kNone, kReady, kNotReady };
  Turn turn = Turn::kNone;
  // Whether new pods may come to it, when that has changed: it was cordoned, or is no longer.
  std::optional<bool> schedulable;
};

// Kubernetes' node lifecycle for one node, pure:
//  - a node that is lost gets Ready, MemoryPressure, DiskPressure and PIDPressure Unknown
//    (NodeStatusUnknown; NodeStatusNeverUpdated when it never reported);
//  - Ready=False gives the taint not-ready, Unknown gives unreachable, each NoSchedule and
//    NoExecute; Ready=True takes both away; a node that was just enrolled keeps its
//    not-ready:NoSchedule until its first good report;
//  - MemoryPressure, DiskPressure, PIDPressure and NetworkUnavailable give their NoSchedule taints,
//    spec.unschedulable gives unschedulable:NoSchedule;
//  - taints of anybody else are left alone, but for the time when one with NoExecute was added.
// `all_lost`: every node is lost, so it is probably us who are cut off, and nobody is driven out by
// unreachable:NoExecute.
NodeHealth JudgeNodeHealth(const v1::Node& node, bool lost, bool all_lost, WallTime now);

// "True", "False", "Unknown", or "" without such a condition.
std::string ConditionStatus(const v1::Node& node, std::string_view type);

// Ready becomes False for a pod whose node is not ready (its containers may well run). True when
// that changed something.
bool MarkPodNotReady(v1::PodStatus& status, WallTime now);

}  // namespace muster::coordinator
