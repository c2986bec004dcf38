#include "coordinator/placement/placement.h"

#include <algorithm>
#include <chrono>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/labels.h"
#include "common/model/selector.h"
#include "common/model/time_text.h"

namespace muster::coordinator {
namespace {

std::string TaintText(const v1::Taint& taint) {
  if (taint.value().empty()) return absl::StrCat(taint.key(), ":", taint.effect());
  return absl::StrCat(taint.key(), "=", taint.value(), ":", taint.effect());
}

constexpr int64_t kSecondsMax = 100LL * 365 * 24 * 3600;

// When a taint that is tolerated drives pods out all the same; nothing when it never does. One that
// nobody has given a time yet has only just come.
std::optional<WallTime> ToleratedUntil(const model::Tolerations& tolerations,
                                       const v1::Taint& taint) {
  const std::optional<int64_t> seconds = model::TolerationSeconds(tolerations, taint);
  if (!seconds) return std::nullopt;
  if (*seconds <= 0) return WallTime::min();
  if (!taint.has_time_added()) return std::nullopt;
  return absl::ToChronoTime(model::ToAbslTime(taint.time_added())) +
         std::chrono::seconds(std::min(*seconds, kSecondsMax));
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

Placement PlacementRule::Judge(const v1::Node& node, WallTime now) const {
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
  Placement placement{true, true, Obstacle::kNone};
  for (const v1::Taint& taint : taints) {
    if (taint.effect() != model::kNoExecute) continue;
    const std::optional<WallTime> until = ToleratedUntil(tolerations_, taint);
    if (!until) continue;
    if (*until <= now) return {false, false, Obstacle::kTimeIsOver};
    if (!placement.until || *until < *placement.until) placement.until = until;
  }
  if (model::FindUntolerated(tolerations_, taints, model::kNoSchedule) != nullptr) {
    placement.should_run = false;
    placement.obstacle = Obstacle::kNoScheduleTaint;
  }
  return placement;
}

std::string PlacementRule::Explain(const v1::Node& node, WallTime now) const {
  switch (Judge(node, now).obstacle) {
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
    case Placement::Obstacle::kTimeIsOver:
      for (const v1::Taint& taint : node.spec().taints()) {
        if (taint.effect() != model::kNoExecute) continue;
        const std::optional<WallTime> until = ToleratedUntil(tolerations_, taint);
        if (!until || *until > now) continue;
        return absl::StrCat("taint ", TaintText(taint), " is tolerated for ",
                            *model::TolerationSeconds(tolerations_, taint),
                            "s only, and that is over");
      }
      return "";
    case Placement::Obstacle::kNoScheduleTaint:
      return absl::StrCat("taint ",
                          TaintText(*model::FindUntolerated(tolerations_, node.spec().taints(),
                                                            model::kNoSchedule)),
                          " is not tolerated");
  }
  return "";
}

Placement ShouldRun(const v1::Node& node, const v1::PodSpec& template_spec, WallTime now) {
  return PlacementRule(template_spec).Judge(node, now);
}

}  // namespace muster::coordinator
