#include "coordinator/nodes/node_health.h"

#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr MonoTime kStarted = kNow.mono - 1h;

v1::Node Reporting(const std::string& ready) {
  v1::Node node = NodeNamed("a");
  v1::NodeCondition& condition = *node.mutable_status()->add_conditions();
  condition.set_type("Ready");
  condition.set_status(ready);
  return node;
}

std::vector<std::string> TaintsOf(const v1::Node& node) {
  std::vector<std::string> taints;
  for (const v1::Taint& taint : node.spec().taints()) {
    taints.push_back(taint.key() + ":" + taint.effect());
  }
  return taints;
}

NodeHealth Judge(const v1::Node& node, NodeContact contact, bool all_silent = false) {
  return JudgeNodeHealth(node, contact, kStarted, all_silent, NodeHealthLimits{}, kNow);
}

TEST(NodeHealth, AReadyNodeThatIsConnectedIsLeftAlone) {
  EXPECT_FALSE(Judge(Reporting("True"), {true, kNow.mono}).node.has_value());
}

// Spec: 11.1/grace, 11.2/silent
TEST(NodeHealth, SilenceTurnsConditionsUnknownExactlyWhenItsTimeIsOver) {
  const NodeHealth early = Judge(Reporting("True"), {false, kNow.mono - 40s + 1ms});
  EXPECT_FALSE(early.node.has_value());
  EXPECT_EQ(early.wake_at, kNow.mono + 1ms);

  const NodeHealth late = Judge(Reporting("True"), {false, kNow.mono - 40s});
  ASSERT_TRUE(late.node.has_value());
  for (const char* type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}) {
    EXPECT_EQ(ConditionStatus(*late.node, type), "Unknown") << type;
  }
  EXPECT_EQ(late.node->status().conditions(0).reason(), "NodeStatusUnknown");
  EXPECT_THAT(TaintsOf(*late.node),
              UnorderedElementsAre("node.kubernetes.io/unreachable:NoSchedule",
                                   "node.kubernetes.io/unreachable:NoExecute"));
  EXPECT_EQ(late.turn, NodeHealth::Turn::kNotReady);
}

// Spec: 11.2/all-silent
TEST(NodeHealth, NothingIsDrivenOutWhenAllAreSilent) {
  const NodeHealth health = Judge(Reporting("True"), {false, kNow.mono - 41s}, true);
  ASSERT_TRUE(health.node.has_value());
  EXPECT_THAT(TaintsOf(*health.node),
              UnorderedElementsAre("node.kubernetes.io/unreachable:NoSchedule"));
}

// Spec: 11.2/not-ready
TEST(NodeHealth, AnAgentThatSaysNotReadyGivesBothTaintsAndReadyTakesThemAway) {
  const NodeHealth sick = Judge(Reporting("False"), {true, kNow.mono});
  ASSERT_TRUE(sick.node.has_value());
  EXPECT_THAT(TaintsOf(*sick.node), UnorderedElementsAre("node.kubernetes.io/not-ready:NoSchedule",
                                                         "node.kubernetes.io/not-ready:NoExecute"));
  v1::Node well = *sick.node;
  AddTaint(well, "mine", "NoSchedule");
  well.mutable_status()->mutable_conditions(0)->set_status("True");
  const NodeHealth health = Judge(well, {true, kNow.mono});
  ASSERT_TRUE(health.node.has_value());
  EXPECT_THAT(TaintsOf(*health.node), UnorderedElementsAre("mine:NoSchedule"));
  EXPECT_EQ(health.turn, NodeHealth::Turn::kReady);
}

// Spec: 11.2/cordoned
TEST(NodeHealth, CordonedAndPressedNodesGetTheirTaints) {
  v1::Node node = Reporting("True");
  node.mutable_spec()->set_unschedulable(true);
  v1::NodeCondition& pressure = *node.mutable_status()->add_conditions();
  pressure.set_type("DiskPressure");
  pressure.set_status("True");
  const NodeHealth health = Judge(node, {true, kNow.mono});
  ASSERT_TRUE(health.node.has_value());
  EXPECT_THAT(TaintsOf(*health.node),
              UnorderedElementsAre("node.kubernetes.io/disk-pressure:NoSchedule",
                                   "node.kubernetes.io/unschedulable:NoSchedule"));
  EXPECT_EQ(health.turn, NodeHealth::Turn::kNone);
}

TEST(MarkPodNotReady, ChangesOnlyAPodThatWasReady) {
  v1::Pod pod = ReadyPodOn(DaemonSetNamed("web"), "a", "h", "web-1");
  EXPECT_TRUE(MarkPodNotReady(*pod.mutable_status(), kWall));
  EXPECT_EQ(pod.status().conditions(0).status(), "False");
  EXPECT_FALSE(MarkPodNotReady(*pod.mutable_status(), kWall));
}

}  // namespace
}  // namespace muster::coordinator
