#include "coordinator/nodes/node_health.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/nodes/node_deadlines.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
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

NodeHealth Judge(const v1::Node& node, bool lost = false, bool all_lost = false) {
  return JudgeNodeHealth(node, lost, all_lost, kNow.wall);
}

MonoTime LostAt(const v1::Node& node, std::optional<NodeContact> contact) {
  return muster::coordinator::LostAt(node, contact, kStarted, NodeHealthLimits{});
}

// Spec: 11.1/grace, 11.1/lease
TEST(LostAt, ASilentStreamIsGivenUpSoonAndABrokenOneAtOnce) {
  const MonoTime heard = kNow.mono - 1s;
  const v1::Node node = Reporting("True");
  // Whether the stream is still open plays no role: that of a host without power is, too.
  EXPECT_EQ(LostAt(node, NodeContact{true, false, heard}), heard + 9s);
  EXPECT_EQ(LostAt(node, NodeContact{false, false, heard}), heard + 9s);
  EXPECT_EQ(LostAt(node, NodeContact{false, true, heard}), heard + 3s);
}

TEST(LostAt, WhoWasNotHeardSinceWeListenGetsTheTimeToComeBack) {
  EXPECT_EQ(LostAt(Reporting("True"), std::nullopt), kStarted + 40s);
  EXPECT_EQ(LostAt(Reporting("True"), NodeContact{false, true, kStarted - 1ms}), kStarted + 40s);
  EXPECT_EQ(LostAt(Reporting("True"), NodeContact{false, true, kStarted}), kStarted + 3s);
}

// Spec: 11.1/never-reported
TEST(LostAt, ANodeThatNeverReportedGetsAMinute) {
  EXPECT_EQ(LostAt(NodeNamed("a"), std::nullopt), kStarted + 60s);
}

TEST(NodeHealth, AReadyNodeIsLeftAlone) { EXPECT_FALSE(Judge(Reporting("True")).node.has_value()); }

// Spec: 11.2/silent
TEST(NodeHealth, ALostNodeTurnsUnknownAndUnreachable) {
  const NodeHealth health = Judge(Reporting("True"), true);
  ASSERT_TRUE(health.node.has_value());
  for (const char* type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}) {
    EXPECT_EQ(ConditionStatus(*health.node, type), "Unknown") << type;
  }
  EXPECT_EQ(health.node->status().conditions(0).reason(), "NodeStatusUnknown");
  EXPECT_EQ(health.node->status().conditions(0).message(), "Kubelet stopped posting node status.");
  EXPECT_THAT(TaintsOf(*health.node),
              UnorderedElementsAre("node.kubernetes.io/unreachable:NoSchedule",
                                   "node.kubernetes.io/unreachable:NoExecute"));
  EXPECT_EQ(health.turn, NodeHealth::Turn::kNotReady);
  // Being lost for longer is no news.
  EXPECT_FALSE(Judge(*health.node, true).node.has_value());
  // Being heard is not being ready: that is for the agent to say.
  EXPECT_FALSE(Judge(*health.node, false).node.has_value());
}

// Spec: 11.2/never-reported, 11.2/fresh
TEST(NodeHealth, ANodeThatNeverReportedKeepsItsFirstTaintUntilItIsLost) {
  v1::Node fresh = NodeNamed("a");
  AddTaint(fresh, "node.kubernetes.io/not-ready", "NoSchedule");
  EXPECT_FALSE(Judge(fresh).node.has_value());
  const NodeHealth health = Judge(fresh, true);
  ASSERT_TRUE(health.node.has_value());
  EXPECT_EQ(health.node->status().conditions(0).reason(), "NodeStatusNeverUpdated");
  EXPECT_EQ(health.node->status().conditions(0).message(), "Kubelet never posted node status.");
  EXPECT_THAT(TaintsOf(*health.node),
              UnorderedElementsAre("node.kubernetes.io/unreachable:NoSchedule",
                                   "node.kubernetes.io/unreachable:NoExecute"));
}

// Spec: 11.2/all-silent
TEST(NodeHealth, NothingIsDrivenOutWhenAllAreLost) {
  const NodeHealth all = Judge(Reporting("True"), true, true);
  ASSERT_TRUE(all.node.has_value());
  EXPECT_THAT(TaintsOf(*all.node),
              UnorderedElementsAre("node.kubernetes.io/unreachable:NoSchedule"));
  // Also from those that were lost before the last one was.
  const NodeHealth first = Judge(Reporting("True"), true, false);
  ASSERT_TRUE(first.node.has_value());
  const NodeHealth last = Judge(*first.node, true, true);
  ASSERT_TRUE(last.node.has_value());
  EXPECT_THAT(TaintsOf(*last.node),
              UnorderedElementsAre("node.kubernetes.io/unreachable:NoSchedule"));
}

// Spec: 11.2/not-ready
TEST(NodeHealth, AnAgentThatSaysNotReadyGivesBothTaintsAndReadyTakesThemAway) {
  const NodeHealth sick = Judge(Reporting("False"));
  ASSERT_TRUE(sick.node.has_value());
  EXPECT_THAT(TaintsOf(*sick.node), UnorderedElementsAre("node.kubernetes.io/not-ready:NoSchedule",
                                                         "node.kubernetes.io/not-ready:NoExecute"));
  v1::Node well = *sick.node;
  AddTaint(well, "mine", "NoSchedule");
  well.mutable_status()->mutable_conditions(0)->set_status("True");
  const NodeHealth health = Judge(well);
  ASSERT_TRUE(health.node.has_value());
  EXPECT_THAT(TaintsOf(*health.node), UnorderedElementsAre("mine:NoSchedule"));
  EXPECT_EQ(health.turn, NodeHealth::Turn::kReady);
}

// Spec: 11.2/cordoned, 11.2/pressure
TEST(NodeHealth, CordonedAndPressedNodesGetTheirTaints) {
  v1::Node node = Reporting("True");
  node.mutable_spec()->set_unschedulable(true);
  v1::NodeCondition& pressure = *node.mutable_status()->add_conditions();
  pressure.set_type("DiskPressure");
  pressure.set_status("True");
  const NodeHealth health = Judge(node);
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

TEST(NodeDeadlines, ComeInTheOrderOfTimeEachOnce) {
  NodeDeadlines deadlines;
  deadlines.Set("a", MonoTime(3s));
  deadlines.Set("b", MonoTime(1s));
  deadlines.Set("c", MonoTime(2s));
  deadlines.Set("a", MonoTime(1500ms));  // Moved, not added.
  deadlines.Clear("c");
  EXPECT_EQ(deadlines.next(), MonoTime(1s));
  EXPECT_THAT(deadlines.TakeDue(MonoTime(1499ms)), ElementsAre("b"));
  EXPECT_THAT(deadlines.TakeDue(MonoTime(1500ms)), ElementsAre("a"));
  EXPECT_EQ(deadlines.next(), std::nullopt);
  EXPECT_THAT(deadlines.TakeDue(MonoTime(1h)), IsEmpty());
}

}  // namespace
}  // namespace muster::coordinator
