#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "common/base/clock.h"
#include "common/model/taints.h"
#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// May a daemon pod start on a node, and may one that is there already stay?
//
// Kubernetes asks both at once: a NoSchedule taint keeps a pod from starting but does not drive
// out one that runs, everything else that is in the way does both.
struct Placement {
  enum class Obstacle : uint8_t {
    kNone,
    kNodeName,
    kNodeSelector,
    kNodeAffinity,
    kNoExecuteTaint,
    kTimeIsOver,  // Of a NoExecute taint that was tolerated for a time.
    kNoScheduleTaint,
  };

  bool should_run = false;
  bool should_continue = false;
  Obstacle obstacle = Obstacle::kNone;

  // With should_continue: then a taint that is tolerated for a time ends it.
  std::optional<WallTime> until{};

  bool operator==(const Placement&) const = default;
};

// The placement rules of one DaemonSet template, taken out of it once and then asked of many
// nodes: spec.nodeName, nodeSelector, required node affinity, taints under the template's own
// tolerations and those that every daemon pod gets.
//
// Nothing else counts, as in Kubernetes: not the Ready condition, not spec.unschedulable (only its
// taint), not resources or ports (see fit.h), not PreferNoSchedule. tolerationSeconds are another
// controller's business in Kubernetes, which evicts the pod only to see it made again at once. Here
// a taint whose time is over is one that is not tolerated, for as long as it stays.
// A plain immutable value.
class PlacementRule {
 public:
  explicit PlacementRule(const v1::PodSpec& template_spec);

  // Without a time as if every taint had just been added.
  Placement Judge(const v1::Node& node, WallTime now = WallTime::min()) const;

  // One line for people: why no pod starts there. Empty when one does.
  std::string Explain(const v1::Node& node, WallTime now = WallTime::min()) const;

  // The template's tolerations with Kubernetes' daemon tolerations added.
  const model::Tolerations& tolerations() const { return tolerations_; }

 private:
  std::string node_name_;
  google::protobuf::Map<std::string, std::string> node_selector_;
  bool has_required_affinity_ = false;
  v1::NodeSelector required_affinity_;
  model::Tolerations tolerations_;
};

// In one call, for a single question.
Placement ShouldRun(const v1::Node& node, const v1::PodSpec& template_spec,
                    WallTime now = WallTime::min());

// The tolerations of a daemon pod: the template's, and Kubernetes' additions after them.
model::Tolerations WithDaemonTolerations(const v1::PodSpec& template_spec);

}  // namespace muster::coordinator
