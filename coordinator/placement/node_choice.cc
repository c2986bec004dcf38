#include "coordinator/placement/node_choice.h"

#include <algorithm>
#include <optional>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/quantity.h"
#include "common/model/selector.h"
#include "common/model/taints.h"

namespace muster::coordinator {
namespace {

bool Matches(const v1::PodSpec& pod, const v1::Node& node) {
  const model::LabelMap& labels = node.metadata().labels();
  if (!model::NodeSelectorMapMatches(pod.node_selector(), labels)) return false;
  const v1::NodeAffinity& affinity = pod.affinity().node_affinity();
  return !affinity.has_required_during_scheduling_ignored_during_execution() ||
         model::NodeSelectorMatches(affinity.required_during_scheduling_ignored_during_execution(),
                                    node.metadata().name(), labels);
}

bool ToleratesCordon(const v1::PodSpec& pod) {
  v1::Taint cordon;
  cordon.set_key(std::string(model::kUnschedulableTaint));
  cordon.set_effect(std::string(model::kNoSchedule));
  return std::any_of(
      pod.tolerations().begin(), pod.tolerations().end(),
      [&](const v1::Toleration& toleration) { return model::Tolerates(toleration, cordon); });
}

double Share(const std::string& resource, const PodFootprint& pod, const NodeCandidate& candidate) {
  const auto amount = [&](const model::ResourceAmounts& amounts) {
    const auto found = amounts.find(resource);
    return found == amounts.end() ? 0.0 : static_cast<double>(found->second.MilliValue());
  };
  const auto& allocatable = candidate.node->status().allocatable();
  const auto found = allocatable.find(resource);
  if (found == allocatable.end()) return 1;
  const absl::StatusOr<model::Quantity> all = model::Quantity::Parse(found->second.text());
  if (!all.ok() || all->sign() <= 0) return 1;
  return (amount(pod.requests) + amount(candidate.load->requests())) /
         static_cast<double>(all->MilliValue());
}

}  // namespace

std::string Hindrance(const v1::PodSpec& pod, const v1::Node& node) {
  if (node.spec().unschedulable() && !ToleratesCordon(pod)) return "node(s) were unschedulable";
  for (const std::string_view effect : {model::kNoSchedule, model::kNoExecute}) {
    const v1::Taint* taint =
        model::FindUntolerated(pod.tolerations(), node.spec().taints(), effect);
    if (taint != nullptr) {
      return absl::StrCat("node(s) had untolerated taint {", taint->key(), ": ", taint->value(),
                          "}");
    }
  }
  if (!Matches(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
  return "";
}

NodeChoice ChooseNode(const v1::PodSpec& pod, const PodFootprint& footprint,
                      absl::Span<const NodeCandidate> candidates) {
  NodeChoice choice;
  using Rank = std::tuple<double, int, std::string>;
  std::optional<Rank> best;
  for (const NodeCandidate& candidate : candidates) {
    if (std::string hindrance = Hindrance(pod, *candidate.node); !hindrance.empty()) {
      ++choice.reasons[std::move(hindrance)];
      continue;
    }
    const std::vector<std::string> misfits =
        Misfits(footprint, candidate.node->status().allocatable(), *candidate.load);
    if (!misfits.empty()) {
      for (const std::string& misfit : misfits) ++choice.reasons[misfit];
      choice.crowded.push_back(candidate);
      continue;
    }
    Rank rank((Share("cpu", footprint, candidate) + Share("memory", footprint, candidate)) / 2,
              candidate.load->pod_count(), candidate.node->metadata().name());
    if (best && *best <= rank) continue;
    best = std::move(rank);
    choice.node = candidate.node;
  }
  return choice;
}

std::string UnschedulableMessage(const std::map<std::string, int>& reasons, int node_count) {
  std::vector<std::string> parts;
  parts.reserve(reasons.size());
  for (const auto& [reason, count] : reasons) parts.push_back(absl::StrCat(count, " ", reason));
  std::sort(parts.begin(), parts.end());
  if (parts.empty()) return absl::StrCat("0/", node_count, " nodes are available.");
  return absl::StrCat("0/", node_count, " nodes are available: ", absl::StrJoin(parts, ", "), ".");
}

}  // namespace muster::coordinator
