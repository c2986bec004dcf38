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
  MonoTime last_seen{};
};

struct NodeHealthLimits {
  Duration lost_after = std::chrono::seconds(40);           // Without a session.
  Duration never_reported_after = std::chrono::seconds(60);  // Since the node was enrolled.
};

struct NodeHealth {
  // The node with the conditions and taints it should have; nothing when it has them already.
  std::optional<v1::Node> node;
  // Which way Ready went, for an event about the node.
  enum class Turn { kNone, kReady, kNotReady };
  Turn turn = Turn::kNone;
  // Look again then, even if nothing changes.
  std::optional<MonoTime> wake_at;
};

// Kubernetes' node lifecycle for one node, pure:
//  - a node that is silent for too long gets Ready, MemoryPressure, DiskPressure and PIDPressure
//    Unknown (NodeStatusUnknown; NodeStatusNeverUpdated when it never reported);
//  - Ready=False gives the taint not-ready, Unknown gives unreachable, each NoSchedule and
//    NoExecute; Ready=True takes both away; a node that was just enrolled keeps its
//    not-ready:NoSchedule until its first good report;
//  - MemoryPressure, DiskPressure, PIDPressure and NetworkUnavailable give their NoSchedule taints,
//    spec.unschedulable gives unschedulable:NoSchedule;
//  - taints of anybody else are left alone.
// Without any contact since `started` (of this process) the node has the full time from then on.
// `all_silent`: every node is silent, so it is probably us who are cut off, and nobody is driven
// out by NoExecute.
NodeHealth JudgeNodeHealth(const v1::Node& node, const std::optional<NodeContact>& contact,
                           MonoTime started, bool all_silent, const NodeHealthLimits& limits,
                           const Moment& now);

// Is the node silent for longer than it may be?
bool IsSilent(const std::optional<NodeContact>& contact, MonoTime started,
              const NodeHealthLimits& limits, MonoTime now);

// "True", "False", "Unknown", or "" without such a condition.
std::string ConditionStatus(const v1::Node& node, std::string_view type);

// Ready becomes False for a pod whose node is not ready (its containers may well run). True when
// that changed something.
bool MarkPodNotReady(v1::PodStatus& status, WallTime now);

}  // namespace muster::coordinator
