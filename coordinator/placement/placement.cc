#include "coordinator/placement/placement.h"

#include "absl/strings/str_cat.h"
#include "common/model/labels.h"
#include "common/model/selector.h"

namespace muster::coordinator {
namespace {

std::string TaintText(const v1::Taint& taint) {
  if (taint.value().empty()) return absl::StrCat(taint.key(), ":", taint.effect());
  return absl::StrCat(taint.key(), "=", taint.value(), ":", taint.effect());
}

}  // namespace

model::Tolerations WithDaemonTolerations(const v1::PodSpec& template_spec) {
  model::Tolerations tolerations = template_spec.tolerations();
  model::AddDaemonTolerations(template_spec.host_network(), tolerations);
  return tolerations;
}

PlacementRule::PlacementRule(const v1::PodSpec& template_spec)
    : node_name_(template_spec.node_name()),
      node_selector_(template_spec.node_selector()),
      tolerations_(WithDaemonTolerations(template_spec)) {
  const v1::NodeAffinity& affinity = template_spec.affinity().node_affinity();
  has_required_affinity_ = affinity.has_required_during_scheduling_ignored_during_execution();
  if (has_required_affinity_) {
    required_affinity_ = affinity.required_during_scheduling_ignored_during_execution();
  }
}

Placement PlacementRule::Judge(const v1::Node& node) const {
  using Obstacle = Placement::Obstacle;
  const std::string& name = node.metadata().name();
  const model::LabelMap& labels = node.metadata().labels();
  if (!node_name_.empty() && node_name_ != name) return {false, false, Obstacle::kNodeName};
  if (!model::NodeSelectorMapMatches(node_selector_, labels)) {
    return {false, false, Obstacle::kNodeSelector};
  }
  if (has_required_affinity_ && !model::NodeSelectorMatches(required_affinity_, name, labels)) {
    return {false, false, Obstacle::kNodeAffinity};
  }
  const model::Taints& taints = node.spec().taints();
  if (model::FindUntolerated(tolerations_, taints, model::kNoExecute) != nullptr) {
    return {false, false, Obstacle::kNoExecuteTaint};
  }
  if (model::FindUntolerated(tolerations_, taints, model::kNoSchedule) != nullptr) {
    return {false, true, Obstacle::kNoScheduleTaint};
  }
  return {true, true, Obstacle::kNone};
}

std::string PlacementRule::Explain(const v1::Node& node) const {
  switch (Judge(node).obstacle) {
    case Placement::Obstacle::kNone:
      return "";
    case Placement::Obstacle::kNodeName:
      return absl::StrCat("the template names node \"", node_name_, "\"");
    case Placement::Obstacle::kNodeSelector:
      return absl::StrCat("nodeSelector asks for ",
                          model::ExplainNodeSelectorMap(node_selector_, node.metadata().labels()));
    case Placement::Obstacle::kNodeAffinity:
      return absl::StrCat("required node affinity asks for ",
                          model::ExplainNodeSelector(required_affinity_, node.metadata().name(),
                                                     node.metadata().labels()));
    case Placement::Obstacle::kNoExecuteTaint:
      return absl::StrCat(
          "taint ",
          TaintText(*model::FindUntolerated(tolerations_, node.spec().taints(), model::kNoExecute)),
          " is not tolerated");
    case Placement::Obstacle::kNoScheduleTaint:
      return absl::StrCat("taint ",
                          TaintText(*model::FindUntolerated(tolerations_, node.spec().taints(),
                                                            model::kNoSchedule)),
                          " is not tolerated");
  }
  return "";
}

Placement ShouldRun(const v1::Node& node, const v1::PodSpec& template_spec) {
  return PlacementRule(template_spec).Judge(node);
}

}  // namespace muster::coordinator
