// Pods that run to their end, over the lives of several agents.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/loop/node_loop.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using testing::Each;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

v1::Object JobPod(const std::string& name, const std::string& uid, const std::string& policy) {
  v1::Object object = PodObject(name, uid);
  object.mutable_pod()->mutable_spec()->set_restart_policy(policy);
  return object;
}

class CompletionLoopTest : public testing::TestWithParam<const char*> {
 protected:
  v1::Object Pod() const { return JobPod("once", "u1", GetParam()); }
  // As the coordinator has it after the agent's last word.
  v1::Object Stored() const {
    v1::Object object = Pod();
    *object.mutable_pod()->mutable_status() = node_.Status("u1");
    object.mutable_pod()->mutable_metadata()->set_resource_version("2");
    return object;
  }
  void Start() {
    node_.Settle();
    node_.Welcome({Pod()});
    node_.Run(seconds(1));
    ASSERT_EQ(node_.runtime.running_containers(), 1);
  }
  void End(int32_t exit_code) {
    ASSERT_TRUE(node_.runtime.ExitContainer(node_.runtime.FindContainer("u1", "web"), exit_code));
    node_.Run(seconds(2));
  }
  int Launches() const {
    return static_cast<int>(std::ranges::count_if(
        node_.Events(), [](const std::string& reason) { return reason == "Started"; }));
  }

  NodeHarness node_;
};

TEST_P(CompletionLoopTest, ItIsReportedWithItsExitCodeAndStaysForItsLog) {
  Start();
  End(0);
  const v1::PodStatus status = node_.Status("u1");
  EXPECT_EQ(status.phase(), "Succeeded");
  EXPECT_EQ(status.container_statuses(0).state().terminated().reason(), "Completed");
  node_.Run(seconds(700));
  EXPECT_EQ(node_.Status("u1").SerializeAsString(), status.SerializeAsString());
  EXPECT_EQ(Launches(), 1);
  ASSERT_EQ(node_.runtime.containers().size(), 1u);
  ASSERT_EQ(node_.runtime.sandboxes().size(), 1u);
  EXPECT_EQ(node_.runtime.sandboxes()[0].state, SandboxState::kNotReady);
}

TEST_P(CompletionLoopTest, ANewAgentNeitherRunsItAgainNorForgetsHowItEnded) {
  Start();
  End(0);
  // Before the coordinator's echo of the end is on the disk, and after.
  for (const bool echoed : {false, true}) {
    if (echoed) node_.Assign({Stored()});
    const v1::PodStatus before = node_.Status("u1");
    node_.runtime.ClearJournal();
    node_.RestartAgent();
    node_.Run(seconds(2));
    node_.Welcome({echoed ? Stored() : Pod()});
    node_.Run(seconds(60));
    const v1::PodStatus after = node_.Status("u1");
    EXPECT_EQ(after.phase(), "Succeeded");
    EXPECT_EQ(after.container_statuses(0).SerializeAsString(),
              before.container_statuses(0).SerializeAsString());
    // What is read from the runtime has no address any more.
    if (echoed) {
      EXPECT_EQ(after.SerializeAsString(), before.SerializeAsString());
    }
    EXPECT_THAT(node_.runtime.journal(), Each(Not(StartsWith("Remove")))) << echoed;
    EXPECT_EQ(node_.runtime.containers().size(), 1u);
  }
}

TEST_P(CompletionLoopTest, ANewAgentTrustsItsDiskMoreThanAnEmptyRuntime) {
  Start();
  End(0);
  node_.Assign({Stored()});
  const v1::PodStatus before = node_.Status("u1");
  node_.KillAgent();
  for (const ContainerStatus& container : node_.runtime.containers()) {
    node_.runtime.RemoveContainer(container.id, [](const absl::Status&) {});
  }
  for (const SandboxStatus& sandbox : node_.runtime.sandboxes()) {
    node_.runtime.RemoveSandbox(sandbox.id, [](const absl::Status&) {});
  }
  node_.runtime.RunPending();
  ASSERT_THAT(node_.runtime.sandboxes(), IsEmpty());
  node_.StartAgent();
  node_.Run(seconds(2));
  node_.Welcome({Stored()});
  node_.Run(seconds(60));
  EXPECT_THAT(node_.runtime.sandboxes(), IsEmpty());
  EXPECT_EQ(node_.Status("u1").SerializeAsString(), before.SerializeAsString());
}

TEST_P(CompletionLoopTest, WhatIsStoppedHalfWayIsInterruptedHoweverItEnds) {
  node_.runtime.InstallProgram("serve", {.on_term = 0});
  Start();
  node_.Assign({Deleted(Pod(), 30)});
  node_.Run(seconds(60));
  const PodReport* report = node_.link->LastReport("u1");
  ASSERT_NE(report, nullptr);
  EXPECT_TRUE(report->gone);
  EXPECT_EQ(report->status.phase(), "Failed");
  EXPECT_EQ(report->status.reason(), "Interrupted");
}

TEST_P(CompletionLoopTest, ItsHostPortIsFreeOnceItHasEnded) {
  const auto with_port = [](v1::Object object) {
    v1::ContainerPort& port =
        *object.mutable_pod()->mutable_spec()->mutable_containers(0)->add_ports();
    port.set_container_port(80);
    port.set_host_port(80);
    return object;
  };
  node_.Settle();
  node_.Welcome({with_port(Pod())});
  node_.Run(seconds(1));
  End(0);
  node_.Assign({with_port(JobPod("next", "u2", "Always"))});
  node_.Run(seconds(5));
  EXPECT_EQ(node_.Status("u2").phase(), "Running");
}

INSTANTIATE_TEST_SUITE_P(Policies, CompletionLoopTest, testing::Values("OnFailure", "Never"));

// Spec: pod/4.3/never-and-on-failure
TEST(CompletionLoop, AFailedRunIsFinalWhereItMayNotBeRepeated) {
  NodeHarness node;
  node.Settle();
  node.Welcome({JobPod("once", "u1", "Never")});
  node.Run(seconds(1));
  ASSERT_TRUE(node.runtime.ExitContainer(node.runtime.FindContainer("u1", "web"), 7));
  node.Run(seconds(700));
  EXPECT_EQ(node.Status("u1").phase(), "Failed");
  EXPECT_EQ(node.Status("u1").container_statuses(0).state().terminated().exit_code(), 7);
  EXPECT_EQ(node.Status("u1").container_statuses(0).restart_count(), 0);
}

// Spec: pod/4.3/never-and-on-failure
TEST(CompletionLoop, AFailedRunIsRepeatedUntilItSucceeds) {
  NodeHarness node;
  node.Settle();
  node.Welcome({JobPod("once", "u1", "OnFailure")});
  for (int run = 0; run < 3; ++run) {
    node.Run(seconds(60));
    ASSERT_EQ(node.runtime.running_containers(), 1) << run;
    ASSERT_TRUE(
        node.runtime.ExitContainer(node.runtime.FindContainer("u1", "web"), run < 2 ? 1 : 0));
  }
  node.Run(seconds(60));
  EXPECT_EQ(node.Status("u1").phase(), "Succeeded");
  EXPECT_EQ(node.Status("u1").container_statuses(0).restart_count(), 2);
}

// The power fails in the middle of the run.
TEST(CompletionLoop, ARebootEndsARunThatMayNotBeRepeated) {
  for (const char* policy : {"Never", "OnFailure"}) {
    NodeHarness node;
    node.Settle();
    node.Welcome({JobPod("once", "u1", policy)});
    node.Run(seconds(1));
    node.KillAgent();
    node.runtime.Reboot();
    node.StartAgent();
    node.Run(seconds(30));
    node.Welcome({JobPod("once", "u1", policy)});
    node.Run(seconds(30));
    const bool never = std::string(policy) == "Never";
    EXPECT_EQ(node.Status("u1").phase(), never ? "Failed" : "Running");
    EXPECT_EQ(node.runtime.running_containers(), never ? 0 : 1);
  }
}

}  // namespace
}  // namespace muster::agent
