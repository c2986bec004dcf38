#include "coordinator/session/status_merge.h"

#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

template <typename Message>
Message Parse(const std::string& text) {
  Message message;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(text, &message)) << text;
  return message;
}

constexpr WallTime kNow{1000s};

v1::PodStatus MergePod(const std::string& stored, const std::string& reported) {
  return MergePodStatus(Parse<v1::PodStatus>(stored), Parse<v1::PodStatus>(reported), kNow);
}

TEST(MergePodStatus, AConditionThatDidNotFlipKeepsItsTransitionTime) {
  const v1::PodStatus merged =
      MergePod("conditions { type: 'Ready' status: 'True' last_transition_time { seconds: 5 } }",
               "conditions { type: 'Ready' status: 'True' last_transition_time { seconds: 9 } }");
  EXPECT_EQ(merged.conditions(0).last_transition_time().seconds(), 5);
}

TEST(MergePodStatus, AConditionThatFlippedTakesTheReportedTimeOrElseNow) {
  const std::string stored =
      "conditions { type: 'Ready' status: 'False' last_transition_time { seconds: 5 } }";
  EXPECT_EQ(MergePod(stored,
                     "conditions { type: 'Ready' status: 'True' "
                     "last_transition_time { seconds: 9 } }")
                .conditions(0)
                .last_transition_time()
                .seconds(),
            9);
  EXPECT_EQ(MergePod(stored, "conditions { type: 'Ready' status: 'True' }")
                .conditions(0)
                .last_transition_time()
                .seconds(),
            1000);
}

TEST(MergePodStatus, ConditionsOfOthersStay) {
  const v1::PodStatus merged = MergePod(
      "conditions { type: 'PodScheduled' status: 'True' } conditions { type: 'Ready' status: "
      "'False' }",
      "conditions { type: 'Ready' status: 'True' }");
  ASSERT_EQ(merged.conditions_size(), 2);
  EXPECT_EQ(merged.conditions(0).type(), "PodScheduled");
  EXPECT_EQ(merged.conditions(1).status(), "True");
}

// With the next boot of the host; see agent/hygiene/node_shutdown.h.
// Spec: pod/24/resize
TEST(MergePodStatus, AResizeThatIsOverIsNoConditionAnyMore) {
  const std::string resizing = "conditions { type: 'PodResizeInProgress' status: 'True' }";
  const std::string ready = "conditions { type: 'Ready' status: 'True' }";
  EXPECT_EQ(MergePod(ready, ready + resizing).conditions_size(), 2);
  EXPECT_EQ(MergePod(resizing + ready, ready + resizing).conditions_size(), 2);
  const std::string pending = "conditions { type: 'PodResizePending' status: 'True' }";
  const v1::PodStatus over = MergePod(pending + resizing + ready, ready);
  ASSERT_EQ(over.conditions_size(), 1);
  EXPECT_EQ(over.conditions(0).type(), "Ready");
}

TEST(MergePodStatus, WhatWentWithItsHostMayRunAgain) {
  for (const std::string reason : {"Terminated", "NodeShutdown", "Evicted"}) {
    v1::PodStatus stored, reported;
    stored.set_phase("Failed");
    stored.set_reason(reason);
    reported.set_phase("Running");
    const v1::PodStatus merged = MergePodStatus(stored, reported, WallTime());
    EXPECT_EQ(merged.phase(), reason == "Evicted" ? "Failed" : "Running") << reason;
    EXPECT_EQ(merged.reason(), reason == "Evicted" ? "Evicted" : "") << reason;
  }
}

TEST(MergePodStatus, FinalPhasesNeverChangeAgain) {
  for (const std::string phase : {"Failed", "Succeeded"}) {
    const v1::PodStatus merged =
        MergePod("phase: '" + phase + "' reason: 'Evicted' message: 'why'", "phase: 'Running'");
    EXPECT_EQ(merged.phase(), phase);
    EXPECT_EQ(merged.reason(), "Evicted");
    EXPECT_EQ(merged.message(), "why");
  }
  EXPECT_EQ(MergePod("phase: 'Running'", "phase: 'Pending'").phase(), "Pending");
}

TEST(MergePodStatus, WhatTheAgentDoesNotKnowStays) {
  const v1::PodStatus merged = MergePod(
      "qos_class: 'Burstable' start_time { seconds: 7 } host_ip: '10.0.0.1' "
      "nominated_node_name: 'n' pod_ip: '10.1.0.9'",
      "phase: 'Running'");
  EXPECT_EQ(merged.qos_class(), "Burstable");
  EXPECT_EQ(merged.start_time().seconds(), 7);
  EXPECT_EQ(merged.host_ip(), "10.0.0.1");
  EXPECT_EQ(merged.nominated_node_name(), "n");
  // A pod whose sandbox is gone has no address.
  EXPECT_EQ(merged.pod_ip(), "");
}

TEST(MergePodStatus, MergingTheSameReportTwiceChangesNothing) {
  const v1::PodStatus once = MergePod(
      "conditions { type: 'PodScheduled' status: 'True' }",
      "phase: 'Running' conditions { type: 'Ready' status: 'True' } container_statuses { name: "
      "'a' restart_count: 2 }");
  const v1::PodStatus twice = MergePodStatus(
      once,
      Parse<v1::PodStatus>("phase: 'Running' conditions { type: 'Ready' status: 'True' } "
                           "container_statuses { name: 'a' restart_count: 2 }"),
      kNow + 50s);
  EXPECT_EQ(once.DebugString(), twice.DebugString());
}

class MergeNodeStatusTest : public ::testing::Test {
 protected:
  v1::Node stored_ = Parse<v1::Node>("metadata { name: 'n1' labels { key: 'a' value: 'b' } }");
  v1::NodeStatus reported_ = Parse<v1::NodeStatus>(R"(
    capacity { key: 'cpu' value { text: '2' } }
    addresses { type: 'Hostname' address: 'host-1' }
    node_info { operating_system: 'linux' architecture: 'amd64' }
    conditions { type: 'Ready' status: 'True' reason: 'AgentReady' }
  )");
};

TEST_F(MergeNodeStatusTest, TakesTheFactsAndAddsTheWellKnownLabels) {
  const std::optional<v1::Node> merged = MergeNodeStatus(stored_, reported_, kNow);
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->status().capacity().at("cpu").text(), "2");
  const auto& labels = merged->metadata().labels();
  EXPECT_EQ(labels.at("kubernetes.io/hostname"), "n1");  // Not what it calls itself.
  EXPECT_EQ(labels.at("kubernetes.io/os"), "linux");
  EXPECT_EQ(labels.at("kubernetes.io/arch"), "amd64");
  EXPECT_EQ(labels.at("a"), "b");
  EXPECT_EQ(merged->status().conditions(0).last_heartbeat_time().seconds(), 1000);
  EXPECT_EQ(merged->status().conditions(0).last_transition_time().seconds(), 1000);
}

TEST_F(MergeNodeStatusTest, ImagesStayWhenNothingIsSaidOfThem) {
  v1::NodeStatus with = reported_;
  with.add_images()->add_names("img:1");
  const v1::Node once = *MergeNodeStatus(stored_, with, kNow);
  ASSERT_EQ(once.status().images_size(), 1);
  EXPECT_FALSE(MergeNodeStatus(once, reported_, kNow + 1h)) << "nothing changed";
  with.mutable_images(0)->set_names(0, "img:2");
  EXPECT_EQ(MergeNodeStatus(once, with, kNow)->status().images(0).names(0), "img:2");
}

TEST_F(MergeNodeStatusTest, TimePassingAloneIsNoChange) {
  const v1::Node once = *MergeNodeStatus(stored_, reported_, kNow);
  EXPECT_FALSE(MergeNodeStatus(once, reported_, kNow + 1h));
}

TEST_F(MergeNodeStatusTest, AFlippedConditionIsAChangeAtItsTime) {
  const v1::Node once = *MergeNodeStatus(stored_, reported_, kNow);
  reported_.mutable_conditions(0)->set_status("False");
  const std::optional<v1::Node> merged = MergeNodeStatus(once, reported_, kNow + 60s);
  ASSERT_TRUE(merged);
  EXPECT_EQ(merged->status().conditions(0).last_transition_time().seconds(), 1060);
  EXPECT_EQ(merged->status().conditions(0).last_heartbeat_time().seconds(), 1060);
}

TEST_F(MergeNodeStatusTest, ARemovedWellKnownLabelComesBack) {
  v1::Node once = *MergeNodeStatus(stored_, reported_, kNow);
  once.mutable_metadata()->mutable_labels()->erase("kubernetes.io/os");
  ASSERT_TRUE(MergeNodeStatus(once, reported_, kNow));
}

// A node that could would be given what is meant for another one.
TEST_F(MergeNodeStatusTest, ANodeCannotMakeItselfAnotherOne) {
  auto& labels = *stored_.mutable_metadata()->mutable_labels();
  labels["kubernetes.io/hostname"] = "n1";
  labels["kubernetes.io/os"] = "linux";
  labels["kubernetes.io/arch"] = "arm64";
  reported_.mutable_addresses(0)->set_address("db1");
  reported_.mutable_node_info()->set_operating_system("plan9");
  reported_.mutable_node_info()->set_architecture("amd64");
  const v1::Node merged = *MergeNodeStatus(stored_, reported_, kNow);
  EXPECT_EQ(merged.metadata().labels().at("kubernetes.io/hostname"), "n1");
  EXPECT_EQ(merged.metadata().labels().at("kubernetes.io/os"), "linux");
  EXPECT_EQ(merged.metadata().labels().at("kubernetes.io/arch"), "arm64");
  EXPECT_EQ(merged.metadata().labels_size(), 4);
}

}  // namespace
}  // namespace muster::coordinator
