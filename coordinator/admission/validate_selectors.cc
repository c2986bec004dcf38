#include "coordinator/admission/validate_selectors.h"

#include <set>
#include <string>
#include <utility>

#include "common/model/names.h"
#include "common/model/taints.h"
#include "coordinator/admission/validate_common.h"

namespace muster::coordinator {
namespace {

constexpr char kSetNeedsValues[] = "must be specified when `operator` is 'In' or 'NotIn'";
constexpr char kExistenceTakesNone[] =
    "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
constexpr char kNoOperator[] = "not a valid selector operator";

void CheckKey(const FieldPath& path, std::string_view key, Problems& problems) {
  problems.InvalidTexts(path, key, model::CheckQualifiedName(key));
}

void CheckWeight(const FieldPath& path, int32_t weight, Problems& problems) {
  if (weight < 1 || weight > 100) {
    problems.InvalidNumber(path, weight, "must be in the range 1-100");
  }
}

void ValidateExpression(const FieldPath& path, const v1::NodeSelectorRequirement& expression,
                        Problems& problems) {
  const std::string& op = expression.operator_();
  const FieldPath values = path.Child("values");
  if (op == "In" || op == "NotIn") {
    if (expression.values().empty()) problems.Required(values, kSetNeedsValues);
  } else if (op == "Exists" || op == "DoesNotExist") {
    if (!expression.values().empty()) problems.Forbidden(values, kExistenceTakesNone);
  } else if (op == "Gt" || op == "Lt") {
    if (expression.values_size() != 1) {
      problems.Required(values, "must be specified single value when `operator` is 'Lt' or 'Gt'");
    }
  } else {
    problems.InvalidText(path.Child("operator"), op, kNoOperator);
  }
  CheckKey(path.Child("key"), expression.key(), problems);
  for (int i = 0; i < expression.values_size(); ++i) {
    problems.InvalidTexts(values.Index(i), expression.values(i),
                          model::CheckLabelValue(expression.values(i)));
  }
}

void ValidateField(const FieldPath& path, const v1::NodeSelectorRequirement& field,
                   Problems& problems) {
  const std::string& op = field.operator_();
  if (op != "In" && op != "NotIn") {
    problems.InvalidText(path.Child("operator"), op, kNoOperator);
  } else if (field.values_size() != 1) {
    problems.Required(path.Child("values"),
                      "must be only one value when `operator` is 'In' or 'NotIn' for node field "
                      "selector");
  }
  if (field.key() != "metadata.name") {
    problems.InvalidText(path.Child("key"), field.key(), "not a valid field selector key");
    return;
  }
  for (int i = 0; i < field.values_size(); ++i) {
    problems.InvalidTexts(path.Child("values").Index(i), field.values(i),
                          model::CheckDnsSubdomain(field.values(i)));
  }
}

void ValidateTerm(const FieldPath& path, const v1::NodeSelectorTerm& term, Problems& problems) {
  for (int i = 0; i < term.match_expressions_size(); ++i) {
    ValidateExpression(path.Child("matchExpressions").Index(i), term.match_expressions(i),
                       problems);
  }
  for (int i = 0; i < term.match_fields_size(); ++i) {
    ValidateField(path.Child("matchFields").Index(i), term.match_fields(i), problems);
  }
}

void ValidateNodeAffinity(const FieldPath& path, const v1::NodeAffinity& affinity,
                          Problems& problems) {
  if (affinity.has_required_during_scheduling_ignored_during_execution()) {
    const FieldPath terms =
        path.Child("requiredDuringSchedulingIgnoredDuringExecution").Child("nodeSelectorTerms");
    const auto& required = affinity.required_during_scheduling_ignored_during_execution();
    if (required.node_selector_terms().empty()) {
      problems.Required(terms, "must have at least one node selector term");
    }
    for (int i = 0; i < required.node_selector_terms_size(); ++i) {
      ValidateTerm(terms.Index(i), required.node_selector_terms(i), problems);
    }
  }
  const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution();
  for (int i = 0; i < preferred.size(); ++i) {
    const FieldPath term = path.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i);
    CheckWeight(term.Child("weight"), preferred[i].weight(), problems);
    ValidateTerm(term.Child("preference"), preferred[i].preference(), problems);
  }
}

void ValidatePodAffinityTerm(const FieldPath& path, const v1::PodAffinityTerm& term,
                             Problems& problems) {
  ValidateLabelSelector(path.Child("labelSelector"), term.label_selector(), problems);
  ValidateLabelSelector(path.Child("namespaceSelector"), term.namespace_selector(), problems);
  for (int i = 0; i < term.namespaces_size(); ++i) {
    problems.InvalidTexts(path.Child("namespaces").Index(i), term.namespaces(i),
                          model::CheckDnsLabel(term.namespaces(i)));
  }
  if (term.topology_key().empty()) {
    problems.Required(path.Child("topologyKey"), "can not be empty");
  } else {
    CheckKey(path.Child("topologyKey"), term.topology_key(), problems);
  }
}

template <typename PodTerms>
void ValidatePodAffinity(const FieldPath& path, const PodTerms& affinity, Problems& problems) {
  const auto& required = affinity.required_during_scheduling_ignored_during_execution();
  for (int i = 0; i < required.size(); ++i) {
    ValidatePodAffinityTerm(path.Child("requiredDuringSchedulingIgnoredDuringExecution").Index(i),
                            required[i], problems);
  }
  const auto& preferred = affinity.preferred_during_scheduling_ignored_during_execution();
  for (int i = 0; i < preferred.size(); ++i) {
    const FieldPath term = path.Child("preferredDuringSchedulingIgnoredDuringExecution").Index(i);
    CheckWeight(term.Child("weight"), preferred[i].weight(), problems);
    ValidatePodAffinityTerm(term.Child("podAffinityTerm"), preferred[i].pod_affinity_term(),
                            problems);
  }
}

}  // namespace

void ValidateLabelSelector(const FieldPath& path, const v1::LabelSelector& selector,
                           Problems& problems) {
  CheckLabels(path.Child("matchLabels"), selector.match_labels(), problems);
  for (int i = 0; i < selector.match_expressions_size(); ++i) {
    const v1::LabelSelectorRequirement& expression = selector.match_expressions(i);
    const FieldPath at = path.Child("matchExpressions").Index(i);
    const std::string& op = expression.operator_();
    if (op == "In" || op == "NotIn") {
      if (expression.values().empty()) problems.Required(at.Child("values"), kSetNeedsValues);
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (!expression.values().empty()) {
        problems.Forbidden(at.Child("values"), kExistenceTakesNone);
      }
    } else {
      problems.InvalidText(at.Child("operator"), op, kNoOperator);
    }
    CheckKey(at.Child("key"), expression.key(), problems);
    for (int v = 0; v < expression.values_size(); ++v) {
      problems.InvalidTexts(at.Child("values").Index(v), expression.values(v),
                            model::CheckLabelValue(expression.values(v)));
    }
  }
}

void ValidateAffinity(const FieldPath& path, const v1::Affinity& affinity, Problems& problems) {
  ValidateNodeAffinity(path.Child("nodeAffinity"), affinity.node_affinity(), problems);
  ValidatePodAffinity(path.Child("podAffinity"), affinity.pod_affinity(), problems);
  ValidatePodAffinity(path.Child("podAntiAffinity"), affinity.pod_anti_affinity(), problems);
}

void ValidateTolerations(const FieldPath& path,
                         const google::protobuf::RepeatedPtrField<v1::Toleration>& tolerations,
                         Problems& problems) {
  for (int i = 0; i < tolerations.size(); ++i) {
    const v1::Toleration& toleration = tolerations[i];
    const FieldPath at = path.Index(i);
    const FieldPath op = at.Child("operator");
    if (!toleration.key().empty()) CheckKey(at.Child("key"), toleration.key(), problems);
    if (toleration.key().empty() && toleration.operator_() != "Exists") {
      problems.InvalidText(op, toleration.operator_(),
                           "operator must be Exists when `key` is empty, which means \"match all "
                           "values and all keys\"");
    }
    if (toleration.has_toleration_seconds() && toleration.effect() != model::kNoExecute) {
      problems.InvalidText(at.Child("effect"), toleration.effect(),
                           "effect must be 'NoExecute' when `tolerationSeconds` is set");
    }
    if (toleration.operator_().empty() || toleration.operator_() == "Equal") {
      problems.InvalidTexts(op, toleration.value(), model::CheckLabelValue(toleration.value()));
    } else if (toleration.operator_() == "Exists") {
      if (!toleration.value().empty()) {
        problems.InvalidText(op, toleration.value(),
                             "value must be empty when `operator` is 'Exists'");
      }
    } else if (toleration.operator_() == "Gt" || toleration.operator_() == "Lt") {
      if (!model::ParseLabelInteger(toleration.value())) {
        problems.InvalidText(at.Child("value"), toleration.value(),
                             "must be an integer when `operator` is 'Gt' or 'Lt'");
      }
    } else {
      problems.Unsupported(op, toleration.operator_(), {"Equal", "Exists", "Gt", "Lt"});
    }
    CheckOneOf(at.Child("effect"), toleration.effect(),
               {model::kNoSchedule, model::kPreferNoSchedule, model::kNoExecute}, false, problems);
  }
}

void ValidateTaints(const FieldPath& path,
                    const google::protobuf::RepeatedPtrField<v1::Taint>& taints,
                    Problems& problems) {
  std::set<std::pair<std::string, std::string>> seen;
  for (int i = 0; i < taints.size(); ++i) {
    const v1::Taint& taint = taints[i];
    const FieldPath at = path.Index(i);
    CheckKey(at.Child("key"), taint.key(), problems);
    problems.InvalidTexts(at.Child("value"), taint.value(), model::CheckLabelValue(taint.value()));
    CheckOneOf(at.Child("effect"), taint.effect(),
               {model::kNoSchedule, model::kPreferNoSchedule, model::kNoExecute}, true, problems);
    if (!seen.emplace(taint.key(), taint.effect()).second) {
      problems.Duplicate(at, taint.key() + ":" + taint.effect());
    }
  }
}

void ValidateSpreadConstraint(const FieldPath& path, const v1::TopologySpreadConstraint& constraint,
                              Problems& problems) {
  if (constraint.max_skew() <= 0) {
    problems.InvalidNumber(path.Child("maxSkew"), constraint.max_skew(),
                           "must be greater than zero");
  }
  if (constraint.topology_key().empty()) {
    problems.Required(path.Child("topologyKey"), "can not be empty");
  } else {
    CheckKey(path.Child("topologyKey"), constraint.topology_key(), problems);
  }
  CheckOneOf(path.Child("whenUnsatisfiable"), constraint.when_unsatisfiable(),
             {"DoNotSchedule", "ScheduleAnyway"}, true, problems);
  ValidateLabelSelector(path.Child("labelSelector"), constraint.label_selector(), problems);
}

}  // namespace muster::coordinator
