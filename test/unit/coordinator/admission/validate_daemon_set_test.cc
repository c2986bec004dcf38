#include <functional>
#include <string>
#include <vector>

#include "common/model/int_or_string.h"
#include "coordinator/admission/defaults.h"
#include "coordinator/admission/validate.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/admission/objects.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// One rule of the API server: what is wrong with the minimal DaemonSet after a change.
struct Case {
  const char* rule;
  std::function<void(v1::DaemonSet&)> change;
  std::vector<std::string> problems;
};

void Check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    v1::Object object = MinimalDaemonSet();
    c.change(*object.mutable_daemon_set());
    SetDefaults(object);
    EXPECT_THAT(Texts(Validate(object)), testing::ElementsAreArray(c.problems)) << c.rule;
  }
}

v1::RollingUpdateDaemonSet& Rolling(v1::DaemonSet& daemon_set) {
  return *daemon_set.mutable_spec()->mutable_update_strategy()->mutable_rolling_update();
}

v1::LabelSelectorRequirement& AddExpression(v1::DaemonSet& daemon_set, const char* key,
                                            const char* op) {
  v1::LabelSelectorRequirement& expression =
      *daemon_set.mutable_spec()->mutable_selector()->add_match_expressions();
  expression.set_key(key);
  expression.set_operator_(op);
  return expression;
}

TEST(ValidateDaemonSet, TheMinimalOneIsFine) {
  Check({{"nothing", [](auto&) {}, {}}});
}

// Spec: 9.2/selector-missing, 9.2/selector-empty, 9.2/selector-mismatch, 9.2/selector-expressions
// Spec: 8.1/nothing-derived
TEST(ValidateDaemonSet, Selector) {
  Check({
      {"missing",
       [](v1::DaemonSet& d) { d.mutable_spec()->clear_selector(); },
       {"spec.selector: Required value"}},
      {"empty selects all",
       [](v1::DaemonSet& d) { d.mutable_spec()->mutable_selector()->Clear(); },
       {"spec.selector: Invalid value: {}: empty selector is invalid for daemonset"}},
      {"does not match the template",
       [](v1::DaemonSet& d) {
         (*d.mutable_spec()->mutable_selector()->mutable_match_labels())["app"] = "db";
       },
       {"spec.template.metadata.labels: Invalid value: {\"app\":\"web\"}: `selector` does not "
        "match template `labels`"}},
      {"In without values",
       [](v1::DaemonSet& d) { AddExpression(d, "app", "In"); },
       {"spec.selector.matchExpressions[0].values: Required value: must be specified when "
        "`operator` is 'In' or 'NotIn'"}},
      {"NotIn without values",
       [](v1::DaemonSet& d) { AddExpression(d, "x", "NotIn"); },
       {"spec.selector.matchExpressions[0].values: Required value: must be specified when "
        "`operator` is 'In' or 'NotIn'"}},
      {"Exists with values",
       [](v1::DaemonSet& d) { AddExpression(d, "app", "Exists").add_values("a"); },
       {"spec.selector.matchExpressions[0].values: Forbidden: may not be specified when "
        "`operator` is 'Exists' or 'DoesNotExist'"}},
      {"other operator",
       [](v1::DaemonSet& d) { AddExpression(d, "app", "Gt").add_values("1"); },
       {"spec.selector.matchExpressions[0].operator: Invalid value: \"Gt\": not a valid selector "
        "operator"}},
      {"expressions that match are fine",
       [](v1::DaemonSet& d) { AddExpression(d, "app", "In").add_values("web"); },
       {}},
  });
}

// Spec: 9.1/label-key, 9.1/label-value
TEST(ValidateDaemonSet, SelectorKeysAndValuesAreLabels) {
  v1::Object object = MinimalDaemonSet();
  auto& labels =
      *object.mutable_daemon_set()->mutable_spec()->mutable_selector()->mutable_match_labels();
  labels["-bad"] = "also bad";
  SetDefaults(object);
  EXPECT_THAT(
      Texts(Validate(object)),
      ElementsAre(HasSubstr("spec.selector.matchLabels: Invalid value: \"-bad\": name part must"),
                  HasSubstr("spec.selector.matchLabels[-bad]: Invalid value: \"also bad\": a "
                            "valid label must be")));
}

// Spec: 5.1/combination, 9.2/strategy-type, 9.2/negative-budget, 9.2/percent-text, 9.2/over-100
// Spec: 9.2/both-set, 9.2/both-zero
TEST(ValidateDaemonSet, UpdateStrategy) {
  const std::string rolling = "spec.updateStrategy.rollingUpdate.";
  const std::string no_percent =
      "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%', or "
      "'93%', regex used for validation is '[0-9]+%')";
  Check({
      {"unknown type",
       [](v1::DaemonSet& d) { d.mutable_spec()->mutable_update_strategy()->set_type("Recreate"); },
       {"spec.updateStrategy: Unsupported value: \"Recreate\": supported values: "
        "\"RollingUpdate\", \"OnDelete\""}},
      {"OnDelete ignores the block",
       [](v1::DaemonSet& d) {
         d.mutable_spec()->mutable_update_strategy()->set_type("OnDelete");
         *Rolling(d).mutable_max_unavailable() = model::FromInt(-1);
       },
       {}},
      {"negative",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromInt(-1); },
       {rolling + "maxUnavailable: Invalid value: -1: must be greater than or equal to 0"}},
      {"string without a percent sign",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromString("3"); },
       {rolling + "maxUnavailable: Invalid value: \"3\": " + no_percent}},
      {"letters",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromString("a%"); },
       {rolling + "maxUnavailable: Invalid value: \"a%\": " + no_percent}},
      {"negative percentage",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromString("-1%"); },
       {rolling + "maxUnavailable: Invalid value: \"-1%\": " + no_percent}},
      {"more than all",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromString("101%"); },
       {rolling + "maxUnavailable: Invalid value: \"101%\": must not be greater than 100%"}},
      {"all",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromString("100%"); },
       {}},
      {"a number above the count of nodes",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromInt(100000); },
       {}},
      {"surge alone, since maxUnavailable defaults to 1",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_surge() = model::FromInt(1); },
       {rolling + "maxSurge: Invalid value: 1: may not be set when maxUnavailable is non-zero"}},
      {"surge with an explicit zero",
       [](v1::DaemonSet& d) {
         *Rolling(d).mutable_max_unavailable() = model::FromInt(0);
         *Rolling(d).mutable_max_surge() = model::FromString("10%");
       },
       {}},
      {"both zero",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromInt(0); },
       {rolling + "maxUnavailable: Required value: cannot be 0 when maxSurge is 0"}},
      {"0% is zero",
       [](v1::DaemonSet& d) { *Rolling(d).mutable_max_unavailable() = model::FromString("0%"); },
       {rolling + "maxUnavailable: Required value: cannot be 0 when maxSurge is 0"}},
  });
}

// Spec: 9.2/negative-seconds
TEST(ValidateDaemonSet, NumbersAreNotNegative) {
  Check({
      {"minReadySeconds",
       [](v1::DaemonSet& d) { d.mutable_spec()->set_min_ready_seconds(-1); },
       {"spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"}},
      {"revisionHistoryLimit",
       [](v1::DaemonSet& d) { d.mutable_spec()->set_revision_history_limit(-1); },
       {"spec.revisionHistoryLimit: Invalid value: -1: must be greater than or equal to 0"}},
      {"zero is fine",
       [](v1::DaemonSet& d) { d.mutable_spec()->set_revision_history_limit(0); },
       {}},
  });
}

// Spec: 9.2/restart-policy, 9.2/active-deadline, 9.2/ephemeral
TEST(ValidateDaemonSet, TemplatesRunForEver) {
  auto spec = [](v1::DaemonSet& d) -> v1::PodSpec& {
    return *d.mutable_spec()->mutable_template_()->mutable_spec();
  };
  Check({
      {"other restart policy",
       [&](v1::DaemonSet& d) { spec(d).set_restart_policy("OnFailure"); },
       {"spec.template.spec.restartPolicy: Unsupported value: \"OnFailure\": supported values: "
        "\"Always\""}},
      {"no restart policy of Kubernetes",
       [&](v1::DaemonSet& d) { spec(d).set_restart_policy("Sometimes"); },
       {"spec.template.spec.restartPolicy: Unsupported value: \"Sometimes\": supported values: "
        "\"Always\", \"OnFailure\", \"Never\""}},
      {"deadline",
       [&](v1::DaemonSet& d) { spec(d).set_active_deadline_seconds(5); },
       {"spec.template.spec.activeDeadlineSeconds: Forbidden: activeDeadlineSeconds in DaemonSet "
        "is not Supported"}},
      {"ephemeral containers",
       [&](v1::DaemonSet& d) { spec(d).add_ephemeral_containers()->set_name("debug"); },
       {"spec.template.spec.ephemeralContainers: Forbidden: ephemeral containers not allowed in "
        "pod template"}},
  });
}

TEST(ValidateDaemonSet, AllProblemsAreReportedAtOnce) {
  v1::Object object = MinimalDaemonSet();
  v1::DaemonSetSpec& spec = *object.mutable_daemon_set()->mutable_spec();
  spec.set_min_ready_seconds(-1);
  spec.mutable_template_()->mutable_spec()->clear_containers();
  spec.mutable_update_strategy()->set_type("x");
  object.mutable_daemon_set()->mutable_metadata()->clear_name();
  SetDefaults(object);
  EXPECT_EQ(Validate(object).size(), 4u);
}

// Spec: 9.2/selector-immutable
TEST(ValidateUpdate, SelectorIsImmutable) {
  v1::Object stored = MinimalDaemonSet();
  SetDefaults(stored);
  v1::Object updated = stored;
  EXPECT_THAT(ValidateUpdate(updated, stored), IsEmpty());
  (*updated.mutable_daemon_set()->mutable_spec()->mutable_selector()->mutable_match_labels())["b"] =
      "c";
  EXPECT_THAT(Texts(ValidateUpdate(updated, stored)),
              ElementsAre("spec.selector: Invalid value: {\"matchLabels\":{\"app\":\"web\",\"b\":"
                          "\"c\"}}: field is immutable"));
}

// Spec: 9.1/daemonset-name, 9.1/label-names, 9.1/annotation
TEST(ValidateMetadata, NamesLabelsAnnotationsOwners) {
  const std::string long_name(254, 'a');
  Check({
      {"no name",
       [](v1::DaemonSet& d) { d.mutable_metadata()->clear_name(); },
       {"metadata.name: Required value: name or generateName is required"}},
      {"a name longer than a pod's is fine",
       [](v1::DaemonSet& d) { d.mutable_metadata()->set_name(std::string(200, 'a')); },
       {}},
      {"too long",
       [&](v1::DaemonSet& d) { d.mutable_metadata()->set_name(long_name); },
       {"metadata.name: Invalid value: \"" + long_name +
        "\": must be no more than 253 characters"}},
      {"annotations of more than 256 KiB",
       [](v1::DaemonSet& d) {
         (*d.mutable_metadata()->mutable_annotations())["a"] = std::string(262144, 'x');
       },
       {"metadata.annotations: Too long: may not be more than 262144 bytes"}},
      {"annotations of just 256 KiB",
       [](v1::DaemonSet& d) {
         (*d.mutable_metadata()->mutable_annotations())["a"] = std::string(262143, 'x');
       },
       {}},
      {"annotation prefixes may have capitals",
       [](v1::DaemonSet& d) { (*d.mutable_metadata()->mutable_annotations())["Acme.IO/x"] = ""; },
       {}},
      {"an owner without uid",
       [](v1::DaemonSet& d) {
         v1::OwnerReference& owner = *d.mutable_metadata()->add_owner_references();
         owner.set_api_version("v1");
         owner.set_kind("Node");
         owner.set_name("n");
       },
       {"metadata.ownerReferences[0].uid: Invalid value: \"\": must not be empty"}},
  });
  v1::Object object = MinimalDaemonSet();
  object.mutable_daemon_set()->mutable_metadata()->set_name("Web");
  object.mutable_daemon_set()->mutable_metadata()->set_namespace_("a.b");
  SetDefaults(object);
  EXPECT_THAT(Texts(Validate(object)),
              ElementsAre(HasSubstr("metadata.name: Invalid value: \"Web\": a lowercase RFC 1123 "
                                    "subdomain"),
                          HasSubstr("metadata.namespace: Invalid value: \"a.b\": a lowercase RFC "
                                    "1123 label")));
}

}  // namespace
}  // namespace muster::coordinator
