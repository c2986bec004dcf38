#include "common/model/selector.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace muster::model {
namespace {

LabelMap Labels(std::vector<std::pair<std::string, std::string>> entries) {
  LabelMap labels;
  for (auto& [key, value] : entries) labels[key] = value;
  return labels;
}

v1::NodeSelectorRequirement Requirement(std::string key, std::string op,
                                        std::vector<std::string> values) {
  v1::NodeSelectorRequirement requirement;
  requirement.set_key(key);
  requirement.set_operator_(op);
  for (const std::string& value : values) requirement.add_values(value);
  return requirement;
}

v1::NodeSelectorTerm Term(std::vector<v1::NodeSelectorRequirement> expressions,
                          std::vector<v1::NodeSelectorRequirement> fields = {}) {
  v1::NodeSelectorTerm term;
  for (auto& each : expressions) *term.add_match_expressions() = each;
  for (auto& each : fields) *term.add_match_fields() = each;
  return term;
}

// Spec: 1.2/in, 1.2/not-in, 1.2/exists, 1.2/does-not-exist, 1.2/gt-lt
TEST(NodeAffinity, EachOperatorDecidesAsInKubernetes) {
  const LabelMap labels = Labels({{"zone", "a"}, {"empty", ""}, {"cores", "010"}, {"os", "linux"}});
  struct Case {
    const char* rule;
    v1::NodeSelectorRequirement requirement;
    bool matches;
  };
  for (const Case& c : std::vector<Case>{
           {"In: label absent", Requirement("none", "In", {"a"}), false},
           {"In: value in set", Requirement("zone", "In", {"b", "a"}), true},
           {"In: value not in set", Requirement("zone", "In", {"b"}), false},
           {"In: empty value", Requirement("empty", "In", {""}), true},
           {"NotIn: label absent", Requirement("none", "NotIn", {"a"}), true},
           {"NotIn: value in set", Requirement("zone", "NotIn", {"a"}), false},
           {"NotIn: value not in set", Requirement("zone", "NotIn", {"b"}), true},
           {"Exists: absent", Requirement("none", "Exists", {}), false},
           {"Exists: any value", Requirement("zone", "Exists", {}), true},
           {"Exists: also the empty value", Requirement("empty", "Exists", {}), true},
           {"DoesNotExist: absent", Requirement("none", "DoesNotExist", {}), true},
           {"DoesNotExist: present", Requirement("empty", "DoesNotExist", {}), false},
           {"Gt: absent", Requirement("none", "Gt", {"1"}), false},
           {"Gt: 010 is ten", Requirement("cores", "Gt", {"9"}), true},
           {"Gt: not greater", Requirement("cores", "Gt", {"10"}), false},
           {"Gt: label no integer", Requirement("os", "Gt", {"1"}), false},
           {"Lt: less", Requirement("cores", "Lt", {"11"}), true},
           {"Lt: not less", Requirement("cores", "Lt", {"10"}), false},
           {"Lt: label no integer", Requirement("os", "Lt", {"1"}), false},
       }) {
    EXPECT_EQ(NodeSelectorTermMatches(Term({c.requirement}), "n", labels), c.matches) << c.rule;
  }
}

// Spec: 1.2/unparsable
TEST(NodeAffinity, ARequirementThatCannotBeParsedVoidsItsTerm) {
  const LabelMap labels = Labels({{"zone", "a"}});
  struct Case {
    const char* rule;
    v1::NodeSelectorRequirement requirement;
  };
  for (const Case& c : std::vector<Case>{
           {"Gt value no integer", Requirement("zone", "Gt", {"x"})},
           {"Lt value beyond int64", Requirement("zone", "Lt", {"9223372036854775808"})},
           {"Gt with two values", Requirement("zone", "Gt", {"1", "2"})},
           {"In without values", Requirement("zone", "In", {})},
           {"NotIn without values", Requirement("none", "NotIn", {})},
           {"NotIn with an illegal label value", Requirement("none", "NotIn", {"-5"})},
           {"NotIn with a blank in the value", Requirement("none", "NotIn", {"a b"})},
           {"Exists with values", Requirement("zone", "Exists", {"a"})},
           {"DoesNotExist with values", Requirement("none", "DoesNotExist", {"a"})},
           {"unknown operator", Requirement("zone", "Is", {"a"})},
           {"illegal key", Requirement("a/b/c", "DoesNotExist", {})},
       }) {
    EXPECT_FALSE(NodeSelectorTermMatches(Term({c.requirement}), "n", labels)) << c.rule;
    // Also beside one that holds; but other terms still count.
    const v1::NodeSelectorRequirement holds = Requirement("zone", "In", {"a"});
    v1::NodeSelector selector;
    *selector.add_node_selector_terms() = Term({holds, c.requirement});
    EXPECT_FALSE(NodeSelectorMatches(selector, "n", labels)) << c.rule;
    *selector.add_node_selector_terms() = Term({holds});
    EXPECT_TRUE(NodeSelectorMatches(selector, "n", labels)) << c.rule;
  }
}

// Spec: 1.2/terms
TEST(NodeAffinity, TermsAreAlternativesAndRequirementsAreNot) {
  const LabelMap labels = Labels({{"a", "1"}, {"b", "2"}});
  EXPECT_TRUE(NodeSelectorTermMatches(
      Term({Requirement("a", "In", {"1"}), Requirement("b", "In", {"2"})}), "n", labels));
  EXPECT_FALSE(NodeSelectorTermMatches(
      Term({Requirement("a", "In", {"1"}), Requirement("b", "In", {"1"})}), "n", labels));
  v1::NodeSelector either;
  *either.add_node_selector_terms() = Term({Requirement("a", "In", {"9"})});
  EXPECT_FALSE(NodeSelectorMatches(either, "n", labels));
  *either.add_node_selector_terms() = Term({Requirement("b", "In", {"2"})});
  EXPECT_TRUE(NodeSelectorMatches(either, "n", labels));
}

// Spec: 1.2/empty-term
TEST(NodeAffinity, EmptyTermsMatchNothing) {
  v1::NodeSelector selector;
  EXPECT_FALSE(NodeSelectorMatches(selector, "n", {}));
  selector.add_node_selector_terms();
  EXPECT_FALSE(NodeSelectorMatches(selector, "n", {}));
}

// Spec: 1.2/match-fields
TEST(NodeAffinity, FieldsKnowTheNodesNameOnly) {
  auto matches = [](const v1::NodeSelectorRequirement& field) {
    return NodeSelectorTermMatches(Term({}, {field}), "node-1", {});
  };
  EXPECT_TRUE(matches(Requirement("metadata.name", "In", {"node-1"})));
  EXPECT_FALSE(matches(Requirement("metadata.name", "In", {"node-2"})));
  EXPECT_FALSE(matches(Requirement("metadata.name", "NotIn", {"node-1"})));
  EXPECT_TRUE(matches(Requirement("metadata.name", "NotIn", {"node-2"})));
  EXPECT_FALSE(matches(Requirement("metadata.name", "In", {"node-1", "node-2"})));
  EXPECT_FALSE(matches(Requirement("metadata.name", "Exists", {})));
  EXPECT_FALSE(matches(Requirement("metadata.namespace", "NotIn", {"x"})));
}

// Spec: 1.2/terms
TEST(NodeAffinity, FieldsAndExpressionsAreBothNeeded) {
  const v1::NodeSelectorTerm term =
      Term({Requirement("a", "Exists", {})}, {Requirement("metadata.name", "In", {"node-1"})});
  EXPECT_TRUE(NodeSelectorTermMatches(term, "node-1", Labels({{"a", ""}})));
  EXPECT_FALSE(NodeSelectorTermMatches(term, "node-1", {}));
  EXPECT_FALSE(NodeSelectorTermMatches(term, "node-2", Labels({{"a", ""}})));
}

// Spec: 1.1/node-selector
TEST(NodeSelector, EveryKeyHasToBeThereWithAnEqualValue) {
  const LabelMap labels = Labels({{"a", "1"}, {"empty", ""}});
  EXPECT_TRUE(NodeSelectorMapMatches({}, labels));
  EXPECT_TRUE(NodeSelectorMapMatches(Labels({{"a", "1"}}), labels));
  EXPECT_TRUE(NodeSelectorMapMatches(Labels({{"a", "1"}, {"empty", ""}}), labels));
  EXPECT_FALSE(NodeSelectorMapMatches(Labels({{"a", "2"}}), labels));
  EXPECT_FALSE(NodeSelectorMapMatches(Labels({{"a", "1"}, {"b", "1"}}), labels));
  EXPECT_FALSE(NodeSelectorMapMatches(Labels({{"none", ""}}), labels));
}

// Spec: 1.1/node-selector, 1.1/node-affinity
TEST(PodSelectsNode, NeedsSelectorAndRequiredAffinityButNotPreferred) {
  v1::Node node;
  node.mutable_metadata()->set_name("node-1");
  (*node.mutable_metadata()->mutable_labels())["disk"] = "ssd";
  v1::PodSpec pod;
  EXPECT_TRUE(PodSelectsNode(pod, node));
  v1::NodeAffinity& affinity = *pod.mutable_affinity()->mutable_node_affinity();
  *affinity.add_preferred_during_scheduling_ignored_during_execution()->mutable_preference() =
      Term({Requirement("none", "Exists", {})});
  EXPECT_TRUE(PodSelectsNode(pod, node));
  v1::NodeSelector& required =
      *affinity.mutable_required_during_scheduling_ignored_during_execution();
  EXPECT_FALSE(PodSelectsNode(pod, node)) << "required without terms";
  *required.add_node_selector_terms() = Term({Requirement("disk", "In", {"ssd"})});
  EXPECT_TRUE(PodSelectsNode(pod, node));
  (*pod.mutable_node_selector())["disk"] = "hdd";
  EXPECT_FALSE(PodSelectsNode(pod, node));
}

}  // namespace
}  // namespace muster::model
