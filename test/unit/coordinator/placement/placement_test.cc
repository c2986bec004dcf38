#include "coordinator/placement/placement.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/placement/parse.h"

namespace muster::coordinator {
namespace {

using Obstacle = Placement::Obstacle;

constexpr Placement kRuns{true, true, Obstacle::kNone};

struct Case {
  const char* name;  // The Kubernetes rule.
  const char* spec;  // Of the template.
  const char* node;
  Placement expected;
};

std::string NameOf(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class ShouldRunRule : public testing::TestWithParam<Case> {};

// Spec: pod/3/affinity-and-taints
TEST_P(ShouldRunRule, Holds) {
  const v1::Node node = Parse<v1::Node>(GetParam().node);
  const v1::PodSpec spec = Parse<v1::PodSpec>(GetParam().spec);
  const Placement placement = ShouldRun(node, spec);
  EXPECT_EQ(placement, GetParam().expected);
  EXPECT_EQ(PlacementRule(spec).Explain(node).empty(), placement.should_run);
}

// Spec: 1.1/node-name, 1.1/all-pass
INSTANTIATE_TEST_SUITE_P(
    NodeName, ShouldRunRule,
    testing::Values(Case{"NothingAskedRunsEverywhere", "", "metadata { name: 'a' }", kRuns},
                    Case{"NodeNameOfThisNode", "node_name: 'a'", "metadata { name: 'a' }", kRuns},
                    Case{"NodeNameOfAnotherNode",
                         "node_name: 'b'",
                         "metadata { name: 'a' }",
                         {false, false, Obstacle::kNodeName}}),
    NameOf);

// Spec: 1.1/node-selector, 1.1/node-affinity, 1.2/empty-term, 1.2/match-fields
INSTANTIATE_TEST_SUITE_P(
    Labels, ShouldRunRule,
    testing::Values(
        Case{"NodeSelectorMatches", "node_selector { key: 'disk' value: 'ssd' }",
             "metadata { name: 'a' labels { key: 'disk' value: 'ssd' } }", kRuns},
        Case{"NodeSelectorOtherValue",
             "node_selector { key: 'disk' value: 'ssd' }",
             "metadata { name: 'a' labels { key: 'disk' value: 'hdd' } }",
             {false, false, Obstacle::kNodeSelector}},
        Case{"NodeSelectorEmptyValueNeedsTheLabel",
             "node_selector { key: 'disk' value: '' }",
             "metadata { name: 'a' }",
             {false, false, Obstacle::kNodeSelector}},
        Case{"SelectorAndAffinityAreBothRequired",
             "node_selector { key: 'disk' value: 'ssd' } affinity { node_affinity { "
             "required_during_scheduling_ignored_during_execution { node_selector_terms { "
             "match_expressions { key: 'zone' operator: 'In' values: 'x' } } } } }",
             "metadata { name: 'a' labels { key: 'disk' value: 'ssd' } }",
             {false, false, Obstacle::kNodeAffinity}},
        Case{"AffinityByNodeName",
             "affinity { node_affinity { required_during_scheduling_ignored_during_execution { "
             "node_selector_terms { match_fields { key: 'metadata.name' operator: 'In' values: "
             "'a' } } } } }",
             "metadata { name: 'a' }", kRuns},
        Case{"AffinityWithOnlyAnEmptyTermMatchesNothing",
             "affinity { node_affinity { required_during_scheduling_ignored_during_execution { "
             "node_selector_terms { } } } }",
             "metadata { name: 'a' }",
             {false, false, Obstacle::kNodeAffinity}},
        Case{"PreferredAffinityIsNotLookedAt",
             "affinity { node_affinity { preferred_during_scheduling_ignored_during_execution { "
             "weight: 1 preference { match_expressions { key: 'zone' operator: 'Exists' } } } } }",
             "metadata { name: 'a' }", kRuns}),
    NameOf);

// Spec: 1.1/taints, 1.3/exists-all, 1.3/each-taint
INSTANTIATE_TEST_SUITE_P(
    Taints, ShouldRunRule,
    testing::Values(
        Case{"NoScheduleKeepsARunningPod",
             "",
             "metadata { name: 'a' } spec { taints { key: 'k' effect: 'NoSchedule' } }",
             {false, true, Obstacle::kNoScheduleTaint}},
        Case{"NoExecuteDrivesOut",
             "",
             "metadata { name: 'a' } spec { taints { key: 'k' effect: 'NoExecute' } }",
             {false, false, Obstacle::kNoExecuteTaint}},
        Case{"NoExecuteWinsOverNoSchedule",
             "",
             "metadata { name: 'a' } spec { taints { key: 'k' effect: 'NoSchedule' } taints { "
             "key: 'k' effect: 'NoExecute' } }",
             {false, false, Obstacle::kNoExecuteTaint}},
        Case{"PreferNoScheduleIsNotLookedAt", "",
             "metadata { name: 'a' } spec { taints { key: 'k' effect: 'PreferNoSchedule' } }",
             kRuns},
        Case{"EveryTaintNeedsAToleration",
             "tolerations { key: 'k' operator: 'Exists' }",
             "metadata { name: 'a' } spec { taints { key: 'k' effect: 'NoSchedule' } taints { "
             "key: 'l' effect: 'NoSchedule' } }",
             {false, true, Obstacle::kNoScheduleTaint}},
        Case{"TolerationSecondsThatAreNotOverDoNotMatter",
             "tolerations { key: 'k' operator: 'Exists' effect: 'NoExecute' "
             "toleration_seconds: 1 }",
             "metadata { name: 'a' } spec { taints { key: 'k' effect: 'NoExecute' } }", kRuns},
        Case{"ExistsWithoutKeyToleratesEverything", "tolerations { operator: 'Exists' }",
             "metadata { name: 'a' } spec { taints { key: 'k' effect: 'NoExecute' } taints { "
             "key: 'l' value: 'v' effect: 'NoSchedule' } }",
             kRuns}),
    NameOf);

// Spec: 1.4/not-ready, 1.4/disk-pressure, 1.4/memory-pressure, 1.4/pid-pressure
// Spec: 1.4/unschedulable, 1.4/network-unavailable
INSTANTIATE_TEST_SUITE_P(
    SickNodes, ShouldRunRule,
    testing::Values(
        Case{"CordonedNodeStillGetsDaemonPods", "",
             "metadata { name: 'a' } spec { unschedulable: true taints { key: "
             "'node.kubernetes.io/unschedulable' effect: 'NoSchedule' } }",
             kRuns},
        Case{"NotReadyNodeKeepsItsPodButGetsNone",
             "",
             "metadata { name: 'a' } spec { taints { key: 'node.kubernetes.io/not-ready' effect: "
             "'NoSchedule' } taints { key: 'node.kubernetes.io/not-ready' effect: 'NoExecute' } }",
             {false, true, Obstacle::kNoScheduleTaint}},
        Case{"PressureIsTolerated", "",
             "metadata { name: 'a' } spec { taints { key: 'node.kubernetes.io/disk-pressure' "
             "effect: 'NoSchedule' } taints { key: 'node.kubernetes.io/memory-pressure' effect: "
             "'NoSchedule' } taints { key: 'node.kubernetes.io/pid-pressure' effect: "
             "'NoSchedule' } }",
             kRuns},
        Case{"MissingNetworkStopsPodsOfTheirOwnNetwork",
             "",
             "metadata { name: 'a' } spec { taints { key: "
             "'node.kubernetes.io/network-unavailable' effect: 'NoSchedule' } }",
             {false, true, Obstacle::kNoScheduleTaint}},
        Case{"MissingNetworkDoesNotStopHostNetworkPods", "host_network: true",
             "metadata { name: 'a' } spec { taints { key: "
             "'node.kubernetes.io/network-unavailable' effect: 'NoSchedule' } }",
             kRuns},
        Case{"ReadyConditionIsNotLookedAt", "",
             "metadata { name: 'a' } status { conditions { type: 'Ready' status: 'False' } }",
             kRuns},
        Case{"UnschedulableFlagIsNotLookedAt", "",
             "metadata { name: 'a' } spec { unschedulable: true }", kRuns}),
    NameOf);

std::vector<std::string> KeysAndEffects(const model::Tolerations& tolerations) {
  std::vector<std::string> texts;
  for (const v1::Toleration& each : tolerations) texts.push_back(each.key() + ":" + each.effect());
  return texts;
}

// Spec: 1.4/not-ready, 1.4/unreachable, 1.4/disk-pressure, 1.4/memory-pressure, 1.4/pid-pressure
// Spec: 1.4/unschedulable, 1.4/network-unavailable
TEST(DaemonTolerations, AreAppendedInOrderAfterTheTemplatesOwn) {
  EXPECT_THAT(KeysAndEffects(WithDaemonTolerations(Parse<v1::PodSpec>(
                  "host_network: true tolerations { key: 'k' operator: 'Exists' }"))),
              testing::ElementsAre("k:", "node.kubernetes.io/not-ready:NoExecute",
                                   "node.kubernetes.io/unreachable:NoExecute",
                                   "node.kubernetes.io/disk-pressure:NoSchedule",
                                   "node.kubernetes.io/memory-pressure:NoSchedule",
                                   "node.kubernetes.io/pid-pressure:NoSchedule",
                                   "node.kubernetes.io/unschedulable:NoSchedule",
                                   "node.kubernetes.io/network-unavailable:NoSchedule"));
}

// Spec: 1.4/replaces-in-place
TEST(DaemonTolerations, ReplaceOneOfTheTemplatesWithoutItsSeconds) {
  const model::Tolerations tolerations = WithDaemonTolerations(Parse<v1::PodSpec>(
      "tolerations { key: 'node.kubernetes.io/unreachable' operator: 'Exists' effect: "
      "'NoExecute' toleration_seconds: 60 }"));
  ASSERT_EQ(tolerations.size(), 6);
  EXPECT_EQ(tolerations[0].key(), "node.kubernetes.io/unreachable");
  EXPECT_FALSE(tolerations[0].has_toleration_seconds());
}

// Spec: 1.3/seconds
TEST(PlacementRule, ATaintThatIsToleratedForATimeOnlyIsInTheWayWhenItIsOver) {
  const v1::PodSpec spec = Parse<v1::PodSpec>(
      "tolerations { key: 'm' operator: 'Exists' effect: 'NoExecute' toleration_seconds: 30 }"
      "tolerations { key: 'm' operator: 'Exists' toleration_seconds: 60 effect: 'NoExecute' }"
      "tolerations { key: 'now' operator: 'Exists' effect: 'NoExecute' toleration_seconds: 0 }"
      "tolerations { key: 'ever' operator: 'Exists' effect: 'NoExecute' }"
      "tolerations { key: 'node.kubernetes.io/unreachable' operator: 'Exists' effect: 'NoExecute'"
      "              toleration_seconds: 5 }");
  const auto at = [](int64_t second) { return WallTime(std::chrono::seconds(second)); };
  struct {
    const char* taints;
    int64_t now;
    bool runs;
    std::optional<int64_t> until;
  } const cases[] = {
      {"taints { key: 'm' effect: 'NoExecute' time_added { seconds: 100 } }", 129, true, 130},
      {"taints { key: 'm' effect: 'NoExecute' time_added { seconds: 100 } }", 130, false, {}},
      // Nobody has given it a time yet.
      {"taints { key: 'm' effect: 'NoExecute' }", 1000, true, {}},
      {"taints { key: 'now' effect: 'NoExecute' time_added { seconds: 100 } }", 100, false, {}},
      {"taints { key: 'ever' effect: 'NoExecute' time_added { seconds: 100 } }", 9999, true, {}},
      // Kubernetes' own toleration has taken the place of the user's.
      {"taints { key: 'node.kubernetes.io/unreachable' effect: 'NoExecute'"
       " time_added { seconds: 1 } }",
       9999,
       true,
       {}},
      {"taints { key: 'm' effect: 'PreferNoSchedule' time_added { seconds: 1 } }", 9999, true, {}},
  };
  for (const auto& each : cases) {
    const v1::Node node = Parse<v1::Node>(std::string("spec { ") + each.taints + " }");
    const Placement placement = PlacementRule(spec).Judge(node, at(each.now));
    EXPECT_EQ(placement.should_run, each.runs) << each.taints;
    EXPECT_EQ(placement.should_continue, each.runs) << each.taints;
    EXPECT_EQ(placement.until, each.until ? std::optional(at(*each.until)) : std::nullopt);
    EXPECT_EQ(PlacementRule(spec).Explain(node, at(each.now)).empty(), each.runs);
  }
  const v1::Node node = Parse<v1::Node>(
      "spec { taints { key: 'm' effect: 'NoExecute' time_added { seconds: 100 } } }");
  EXPECT_EQ(PlacementRule(spec).Explain(node, at(200)),
            "taint m:NoExecute is tolerated for 30s only, and that is over");
}

TEST(PlacementRule, ExplainsWhatIsInTheWay) {
  const v1::Node node = Parse<v1::Node>(
      "metadata { name: 'a' } spec { taints { key: 'gpu' value: 'yes' effect: 'NoSchedule' } }");
  EXPECT_EQ(PlacementRule({}).Explain(node), "taint gpu=yes:NoSchedule is not tolerated");
  EXPECT_EQ(
      PlacementRule(Parse<v1::PodSpec>("node_selector { key: 'disk' value: 'ssd' }")).Explain(node),
      "nodeSelector asks for disk=ssd, the node has no label disk");
  EXPECT_EQ(PlacementRule(
                Parse<v1::PodSpec>("affinity { node_affinity { "
                                   "required_during_scheduling_ignored_during_execution {"
                                   "  node_selector_terms { match_expressions {"
                                   "    key: 'zone' operator: 'In' values: 'x' values: 'y' } }"
                                   "  node_selector_terms { match_fields {"
                                   "    key: 'metadata.name' operator: 'In' values: 'b' } } } } }"))
                .Explain(node),
            "required node affinity asks for zone in (x,y), the node has no label zone; or "
            "metadata.name In b, the node is a");
}

}  // namespace
}  // namespace muster::coordinator
