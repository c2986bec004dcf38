#include "coordinator/daemonjob/job_plan.h"

#include "coordinator/daemonset/ownership.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonjob/fixtures.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

class JobPlanTest : public testing::Test {
 protected:
  JobPlanTest() { scene_.AddNodes(3); }
  void SetParallelism(int32_t nodes) {
    scene_.job.mutable_spec()->mutable_parallelism()->set_int_value(nodes);
  }
  void EndOn(const std::string& node, int32_t exit_code) {
    v1::Pod* pod = scene_.LiveOn(node);
    ASSERT_NE(pod, nullptr) << node;
    End(*pod, exit_code, scene_.now.wall);
  }

  JobScene scene_;
};

TEST_F(JobPlanTest, EveryNodeGetsARunOfItsOwn) {
  const DaemonJobPlan plan = scene_.Plan();
  EXPECT_THAT(NodesOf(plan.create), ElementsAre("node-1", "node-2", "node-3"));
  const v1::Pod& pod = plan.create[0];
  EXPECT_THAT(pod.metadata().name(), testing::StartsWith("once-"));
  EXPECT_EQ(ControllerOf(pod.metadata())->kind(), "DaemonJob");
  EXPECT_EQ(ControllerOf(pod.metadata())->api_version(), "muster.dev/v1");
  EXPECT_EQ(ControllerOf(pod.metadata())->uid(), "uid-of-once");
  EXPECT_EQ(pod.metadata().labels().at("muster.dev/daemonjob"), "once");
  EXPECT_EQ(pod.metadata().labels().count("controller-revision-hash"), 0u);
  EXPECT_THAT(pod.metadata().finalizers(), ElementsAre("muster.dev/daemonjob-tracking"));
  EXPECT_EQ(pod.spec().restart_policy(), "Never");
  EXPECT_EQ(pod.spec().node_name(), "");
  // The same decision as for a DaemonSet: a cordoned node is one of the nodes.
  EXPECT_TRUE(std::any_of(pod.spec().tolerations().begin(), pod.spec().tolerations().end(),
                          [](const v1::Toleration& toleration) {
                            return toleration.key() == "node.kubernetes.io/unschedulable";
                          }));
  EXPECT_THAT(Reasons(plan.events),
              ElementsAre("SuccessfulCreate", "SuccessfulCreate", "SuccessfulCreate"));
  EXPECT_EQ(plan.status->active(), 3);
  EXPECT_EQ(plan.status->desired(), 3);
}

TEST_F(JobPlanTest, ParallelismLimitsThemInTheOrderOfNames) {
  SetParallelism(1);
  scene_.Settle();
  ASSERT_EQ(scene_.pods.size(), 1u);
  EXPECT_NE(scene_.LiveOn("node-1"), nullptr);
  EndOn("node-1", 0);
  scene_.Settle();
  EXPECT_NE(scene_.LiveOn("node-2"), nullptr);
  EXPECT_EQ(scene_.LiveOn("node-3"), nullptr);
  SetParallelism(0);
  EndOn("node-2", 0);
  scene_.Settle();
  EXPECT_EQ(scene_.LiveOn("node-3"), nullptr);
}

TEST(ParallelNodesTest, APercentageIsRoundedUp) {
  v1::DaemonJob job = JobNamed("once");
  const std::vector<std::tuple<std::string, int32_t, int32_t>> cases = {
      {"100%", 7, 7}, {"10%", 7, 1}, {"50%", 7, 4}, {"0%", 7, 0}, {"10%", 0, 0}};
  for (const auto& [text, desired, nodes] : cases) {
    job.mutable_spec()->mutable_parallelism()->set_string_value(text);
    EXPECT_EQ(ParallelNodes(job, desired), nodes) << text;
  }
  job.mutable_spec()->mutable_parallelism()->set_int_value(9);
  EXPECT_EQ(ParallelNodes(job, 7), 9);
}

TEST_F(JobPlanTest, ANodeThatWentSilentWithItsRunHoldsItsPlace) {
  SetParallelism(1);
  scene_.Settle();
  AddTaint(scene_.NodeAt("node-1"), std::string(model::kUnreachableTaint), "NoExecute");
  scene_.Settle();
  EXPECT_EQ(scene_.pods.size(), 1u);
  // One that was silent before is in nobody's way.
  EndOn("node-1", 0);
  AddTaint(scene_.NodeAt("node-2"), std::string(model::kUnreachableTaint), "NoExecute");
  scene_.Settle();
  EXPECT_EQ(scene_.LiveOn("node-2"), nullptr);
  EXPECT_NE(scene_.LiveOn("node-3"), nullptr);
}

TEST_F(JobPlanTest, ResultAndReleaseAreOneTransaction) {
  scene_.Settle();
  EndOn("node-2", 0);
  const DaemonJobPlan plan = scene_.Step();
  EXPECT_THAT(plan.steps,
              ElementsAre(RunStep{RunStep::Kind::kRelease, scene_.Record("node-2")->pod()}));
  EXPECT_EQ(scene_.Record("node-2")->outcome(), "Succeeded");
  EXPECT_EQ(scene_.job.status().succeeded(), 1);
  EXPECT_EQ(scene_.job.status().active(), 2);
  EXPECT_TRUE(scene_.Plan().settled());
}

TEST_F(JobPlanTest, ADeletedPodOfANodeThatSucceededIsNotMadeAgain) {
  scene_.Settle();
  for (const v1::Node& node : scene_.nodes) EndOn(node.metadata().name(), 0);
  scene_.Settle();
  scene_.pods.clear();
  scene_.Settle();
  EXPECT_THAT(scene_.pods, IsEmpty());
  EXPECT_EQ(scene_.job.status().succeeded(), 3);
  EXPECT_EQ(ConditionOf(scene_.job, "Complete"), "True AllNodesSucceeded");
}

TEST_F(JobPlanTest, ResultsThatAreNotWrittenYetAreNotTold) {
  scene_.Settle();
  EndOn("node-1", 0);
  JobWorld world{scene_.job, {}, {}, scene_.priority_classes, scene_.now, scene_.random, {}};
  for (const v1::Node& node : scene_.nodes) world.nodes.push_back(&node);
  for (const v1::Pod& pod : scene_.pods) world.pods.push_back(&pod);
  const JobSurvey survey(world);
  const auto plan = [&](MonoTime from) {
    return MakeJobPlan({scene_.job,
                        survey.roster,
                        scene_.priority_classes,
                        scene_.random,
                        [](const std::string&) { return false; },
                        [&](const std::string& name) { return &scene_.NodeAt(name); },
                        {},
                        scene_.now,
                        from});
  };
  const DaemonJobPlan held = plan(scene_.now.mono + seconds(1));
  EXPECT_FALSE(held.status);
  EXPECT_THAT(held.steps, IsEmpty());
  EXPECT_EQ(held.wake_at, scene_.now.mono + seconds(1));
  EXPECT_EQ(plan(scene_.now.mono).status->succeeded(), 1);
}

TEST_F(JobPlanTest, ANodeThatJoinsLaterOpensItAgain) {
  scene_.Settle();
  for (const v1::Node& node : scene_.nodes) EndOn(node.metadata().name(), 0);
  scene_.Settle();
  ASSERT_EQ(ConditionOf(scene_.job, "Complete"), "True AllNodesSucceeded");
  scene_.nodes.push_back(NodeNamed("node-4"));
  scene_.Settle();
  EXPECT_EQ(ConditionOf(scene_.job, "Complete"), "False NodesLeft");
  EXPECT_FALSE(scene_.job.status().has_completion_time());
  ASSERT_NE(scene_.LiveOn("node-4"), nullptr);
  EndOn("node-4", 0);
  EXPECT_THAT(Reasons(scene_.Step().events), ElementsAre("Completed"));
  EXPECT_EQ(scene_.job.status().nodes_size(), 4);
}

TEST_F(JobPlanTest, FailuresAreToldWithTheirNode) {
  scene_.job.mutable_spec()->set_backoff_limit(1);
  scene_.Settle();
  EndOn("node-1", 0);
  EndOn("node-3", 0);
  EndOn("node-2", 3);
  scene_.Settle();
  EXPECT_EQ(ConditionOf(scene_.job, "Failed"), "False NoFailures");
  scene_.Pass(seconds(10));
  scene_.Settle();
  EndOn("node-2", 4);
  const DaemonJobPlan plan = scene_.Step();
  ASSERT_THAT(Reasons(plan.events), ElementsAre("BackoffLimitExceeded", "FailedNodes"));
  EXPECT_EQ(plan.events[0].message,
            "Node node-2 has failed: 2 runs failed, the last one with container main: exit code 4");
  EXPECT_TRUE(plan.events[0].warning);
  EXPECT_EQ(ConditionOf(scene_.job, "Failed"), "True BackoffLimitExceeded");
  EXPECT_EQ(ConditionOf(scene_.job, "Complete"), "False NodesFailed");
  EXPECT_EQ(scene_.job.status().failed(), 1);
  EXPECT_EQ(scene_.Record("node-2")->exit_code(), 4);
  EXPECT_EQ(scene_.Record("node-2")->failures(), 2);
  // Both pods are there for their logs.
  EXPECT_EQ(scene_.pods.size(), 4u);
}

TEST_F(JobPlanTest, SuspendingStopsAndResumingStartsWhatIsLeft) {
  scene_.Settle();
  EndOn("node-1", 0);
  scene_.job.mutable_spec()->set_suspend(true);
  EXPECT_THAT(Reasons(scene_.Step().events), Contains("Suspended"));
  EXPECT_FALSE(scene_.job.status().has_start_time());
  EXPECT_EQ(ConditionOf(scene_.job, "Suspended"), "True JobSuspended");
  for (v1::Pod& pod : scene_.pods) {
    if (!RunFactsOf(pod).terminal()) Interrupt(pod);
  }
  scene_.Settle();
  EXPECT_EQ(scene_.pods.size(), 1u);
  EXPECT_EQ(scene_.job.status().active(), 0);
  EXPECT_EQ(scene_.job.status().succeeded(), 1);
  scene_.job.mutable_spec()->set_suspend(false);
  EXPECT_THAT(Reasons(scene_.Step().events),
              ElementsAre("SuccessfulCreate", "SuccessfulCreate", "Resumed"));
  EXPECT_EQ(ConditionOf(scene_.job, "Suspended"), "False JobResumed");
  EXPECT_TRUE(scene_.job.status().has_start_time());
}

TEST_F(JobPlanTest, AfterItsTimeTheJobGoes) {
  scene_.job.mutable_spec()->set_ttl_seconds_after_finished(60);
  scene_.Settle();
  EXPECT_FALSE(scene_.Plan().remove);
  for (const v1::Node& node : scene_.nodes) EndOn(node.metadata().name(), 0);
  scene_.Settle();
  EXPECT_FALSE(scene_.Plan().remove);
  EXPECT_EQ(scene_.Plan().wake_at, scene_.now.mono + seconds(60));
  scene_.Pass(seconds(60));
  EXPECT_TRUE(scene_.Plan().remove);
  // Not over a node that has just joined.
  scene_.nodes.push_back(NodeNamed("node-4"));
  EXPECT_FALSE(scene_.Plan().remove);
  EXPECT_THAT(NodesOf(scene_.Plan().create), ElementsAre("node-4"));
}

TEST_F(JobPlanTest, WithoutATimeItStays) {
  scene_.Settle();
  for (const v1::Node& node : scene_.nodes) EndOn(node.metadata().name(), 0);
  scene_.Settle();
  scene_.Pass(seconds(1000000));
  EXPECT_TRUE(scene_.Plan().settled());
}

TEST_F(JobPlanTest, OneThatIsGoingAwayGetsNothing) {
  scene_.job.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  EXPECT_TRUE(scene_.Plan().settled());
  EXPECT_FALSE(scene_.Plan().status);
}

TEST_F(JobPlanTest, LargeFleetsAreDoneInParts) {
  scene_.limits = {.creates_max = 2, .steps_max = 2};
  const DaemonJobPlan plan = scene_.Step();
  EXPECT_EQ(plan.create.size(), 2u);
  EXPECT_TRUE(plan.more);
  scene_.Settle();
  EXPECT_EQ(scene_.pods.size(), 3u);
  for (const v1::Node& node : scene_.nodes) EndOn(node.metadata().name(), 0);
  const DaemonJobPlan half = scene_.Step();
  EXPECT_TRUE(half.more);
  EXPECT_EQ(scene_.job.status().nodes_size(), 2);
  // Numbers and records agree at every moment.
  EXPECT_EQ(scene_.job.status().succeeded(), 0);
  scene_.Step();
  EXPECT_EQ(scene_.job.status().nodes_size(), 3);
  EXPECT_EQ(scene_.job.status().succeeded(), 3);
}

TEST_F(JobPlanTest, WhatCannotBeMadeIsSaid) {
  scene_.job.mutable_spec()->mutable_template_()->mutable_spec()->set_priority_class_name("gone");
  const DaemonJobPlan plan = scene_.Plan();
  EXPECT_FALSE(plan.creation.ok());
  EXPECT_THAT(plan.create, IsEmpty());
  EXPECT_THAT(Reasons(plan.events), ElementsAre("FailedCreate"));
}

TEST_F(JobPlanTest, RecordsStayInTheOrderOfNames) {
  scene_.Settle();
  for (const char* node : {"node-3", "node-1", "node-2"}) {
    EndOn(node, 0);
    scene_.Settle();
  }
  std::vector<std::string> names;
  for (const v1::DaemonJobNode& record : scene_.job.status().nodes())
    names.push_back(record.node());
  EXPECT_THAT(names, ElementsAre("node-1", "node-2", "node-3"));
  scene_.nodes.erase(scene_.nodes.begin() + 1);
  scene_.Settle();
  EXPECT_EQ(scene_.Record("node-2"), nullptr);
  EXPECT_EQ(scene_.job.status().nodes_size(), 2);
  EXPECT_EQ(scene_.job.status().desired(), 2);
}

}  // namespace
}  // namespace muster::coordinator
