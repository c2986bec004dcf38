#include "common/model/selector.h"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/model/names.h"

namespace muster::model {
namespace {

using Operator = LabelRequirement::Operator;

constexpr std::string_view kNameField = "metadata.name";

std::optional<Operator> ParseOperator(std::string_view text) {
  if (text == "In") return Operator::kIn;
  if (text == "NotIn") return Operator::kNotIn;
  if (text == "Exists") return Operator::kExists;
  if (text == "DoesNotExist") return Operator::kDoesNotExist;
  if (text == "Gt") return Operator::kGreaterThan;
  if (text == "Lt") return Operator::kLessThan;
  return std::nullopt;
}

// Nothing when the requirement cannot be parsed, which voids its term.
std::optional<LabelRequirement> ParseRequirement(const v1::NodeSelectorRequirement& expression) {
  const std::optional<Operator> op = ParseOperator(expression.operator_());
  if (!op || !CheckQualifiedName(expression.key()).empty()) return std::nullopt;
  for (const std::string& value : expression.values()) {
    if (!CheckLabelValue(value).empty()) return std::nullopt;
  }
  switch (*op) {
    case Operator::kExists:
    case Operator::kDoesNotExist:
      if (!expression.values().empty()) return std::nullopt;
      break;
    case Operator::kGreaterThan:
    case Operator::kLessThan:
      if (expression.values_size() != 1 || !ParseLabelInteger(expression.values(0))) {
        return std::nullopt;
      }
      break;
    default:
      if (expression.values().empty()) return std::nullopt;
  }
  return LabelRequirement{
      expression.key(), *op, {expression.values().begin(), expression.values().end()}};
}

bool FieldMatches(const v1::NodeSelectorRequirement& field, std::string_view node_name) {
  if (field.key() != kNameField || field.values_size() != 1) return false;
  if (field.operator_() == "In") return node_name == field.values(0);
  if (field.operator_() == "NotIn") return node_name != field.values(0);
  return false;
}

// The first requirement of the term that does not hold; null when all do.
const v1::NodeSelectorRequirement* FirstFailing(const v1::NodeSelectorTerm& term,
                                                std::string_view node_name,
                                                const LabelMap& node_labels) {
  for (const v1::NodeSelectorRequirement& expression : term.match_expressions()) {
    const std::optional<LabelRequirement> requirement = ParseRequirement(expression);
    if (!requirement || !requirement->Matches(node_labels)) return &expression;
  }
  for (const v1::NodeSelectorRequirement& field : term.match_fields()) {
    if (!FieldMatches(field, node_name)) return &field;
  }
  return nullptr;
}

bool IsEmpty(const v1::NodeSelectorTerm& term) {
  return term.match_expressions().empty() && term.match_fields().empty();
}

std::string WhatNodeHas(const std::string& key, const LabelMap& node_labels) {
  const auto found = node_labels.find(key);
  if (found == node_labels.end()) return absl::StrCat("the node has no label ", key);
  return absl::StrCat("the node has ", key, "=", found->second);
}

std::string ExplainTerm(const v1::NodeSelectorTerm& term, std::string_view node_name,
                        const LabelMap& node_labels) {
  if (IsEmpty(term)) return "an empty term, which matches no node";
  const v1::NodeSelectorRequirement* failing = FirstFailing(term, node_name, node_labels);
  if (failing == nullptr) return "";
  if (failing->key() == kNameField) {
    return absl::StrCat(failing->key(), " ", failing->operator_(), " ",
                        absl::StrJoin(failing->values(), ","), ", the node is ",
                        std::string(node_name));
  }
  const std::optional<LabelRequirement> requirement = ParseRequirement(*failing);
  if (!requirement) return absl::StrCat("a requirement on ", failing->key(), " that is not valid");
  return absl::StrCat(requirement->Text(), ", ", WhatNodeHas(failing->key(), node_labels));
}

}  // namespace

bool NodeSelectorMapMatches(const LabelMap& node_selector, const LabelMap& node_labels) {
  return std::all_of(node_selector.begin(), node_selector.end(), [&](const auto& wanted) {
    auto label = node_labels.find(wanted.first);
    return label != node_labels.end() && label->second == wanted.second;
  });
}

bool NodeSelectorTermMatches(const v1::NodeSelectorTerm& term, std::string_view node_name,
                             const LabelMap& node_labels) {
  return !IsEmpty(term) && FirstFailing(term, node_name, node_labels) == nullptr;
}

bool NodeSelectorMatches(const v1::NodeSelector& selector, std::string_view node_name,
                         const LabelMap& node_labels) {
  return std::any_of(
      selector.node_selector_terms().begin(), selector.node_selector_terms().end(),
      [&](const auto& term) { return NodeSelectorTermMatches(term, node_name, node_labels); });
}

std::string ExplainNodeSelectorMap(const LabelMap& node_selector, const LabelMap& node_labels) {
  const std::map<std::string, std::string> sorted(node_selector.begin(), node_selector.end());
  for (const auto& [key, value] : sorted) {
    const auto label = node_labels.find(key);
    if (label != node_labels.end() && label->second == value) continue;
    return absl::StrCat(key, "=", value, ", ", WhatNodeHas(key, node_labels));
  }
  return "";
}

std::string ExplainNodeSelector(const v1::NodeSelector& selector, std::string_view node_name,
                                const LabelMap& node_labels) {
  if (selector.node_selector_terms().empty()) return "no term at all, which matches no node";
  std::vector<std::string> reasons;
  for (const v1::NodeSelectorTerm& term : selector.node_selector_terms()) {
    reasons.push_back(ExplainTerm(term, node_name, node_labels));
    if (reasons.back().empty()) return "";
  }
  return absl::StrJoin(reasons, "; or ");
}

bool PodSelectsNode(const v1::PodSpec& pod, const v1::Node& node) {
  const LabelMap& labels = node.metadata().labels();
  if (!NodeSelectorMapMatches(pod.node_selector(), labels)) return false;
  const v1::NodeAffinity& affinity = pod.affinity().node_affinity();
  if (!affinity.has_required_during_scheduling_ignored_during_execution()) return true;
  return NodeSelectorMatches(affinity.required_during_scheduling_ignored_during_execution(),
                             node.metadata().name(), labels);
}

}  // namespace muster::model
