// Why: for every reason that a DaemonJob may have not to run on a node, the first line names it.

#include "coordinator/explain/explain_job.h"

#include <functional>
#include <string>

#include "common/model/taints.h"
#include "coordinator/explain/explain.h"
#include "coordinator/explain/preview.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonjob/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct JobStage : JobScene {
  JobStage() {
    AddNodes(2);
    for (v1::Node& node : nodes) {
      v1::NodeCondition& ready = *node.mutable_status()->add_conditions();
      ready.set_type("Ready");
      ready.set_status("True");
    }
  }

  void Record(const std::string& outcome, int32_t failures, bool retry = false) {
    v1::DaemonJobNode& record = *job.mutable_status()->add_nodes();
    record.set_node("node-1");
    record.set_node_uid("uid-of-node-1");
    record.set_outcome(outcome);
    record.set_failures(failures);
    record.set_pod("once-x");
    record.set_container("main");
    record.set_exit_code(outcome == "Succeeded" ? 0 : 3);
    *record.mutable_completion_time() = FromWallTime(kWall - std::chrono::minutes(2));
    if (retry) *record.mutable_retry_time() = FromWallTime(kWall + std::chrono::seconds(8));
  }
  template <typename Use>
  auto With(const Use& use) const {
    JobWorld world{job, {}, {}, priority_classes, now, random, limits};
    for (const v1::Node& node : nodes) world.nodes.push_back(&node);
    for (const v1::Pod& pod : pods) world.pods.push_back(&pod);
    const JobSurvey survey(world);
    return use(world, survey);
  }
  Explanation Why(const std::string& node) const {
    return With([&](const JobWorld& world, const JobSurvey& survey) {
      const DaemonJobPlan plan = PlanFrom(world, survey);
      return ExplainJob({world, survey, plan, {}}, node);
    });
  }
};

TEST(ExplainJob, NamesTheCause) {
  const struct {
    const char* cause;
    std::function<void(JobStage&)> inject;
    const char* line;
  } cases[] = {
      {"NodeUnknown", [](JobStage& s) { s.nodes.erase(s.nodes.begin()); },
       "there is no node node-1"},
      {"BeingDeleted",
       [](JobStage& s) { s.job.mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1); },
       "is being deleted"},
      {"NotMatched",
       [](JobStage& s) {
         (*s.job.mutable_spec()
               ->mutable_template_()
               ->mutable_spec()
               ->mutable_node_selector())["disk"] = "ssd";
       },
       "not matched: nodeSelector asks for disk=ssd"},
      {"Tainted", [](JobStage& s) { AddTaint(s.nodes[0], "mine", "NoSchedule"); },
       "tainted: taint mine:NoSchedule is not tolerated"},
      {"Suspended", [](JobStage& s) { s.job.mutable_spec()->set_suspend(true); }, "suspended"},
      {"NodeLost",
       [](JobStage& s) {
         AddTaint(s.nodes[0], std::string(model::kUnreachableTaint), "NoExecute");
       },
       "node lost: node-1 cannot be reached"},
      {"Completed", [](JobStage& s) { s.Record("Succeeded", 0); }, "succeeded 2m ago"},
      {"Failed", [](JobStage& s) { s.Record("Failed", 3); },
       "failed: 3 runs failed, the last one with container main: exit code 3"},
      {"Restarting", [](JobStage& s) { s.Record("", 1, true); },
       "tried again in 8s: 1 of 3 tries failed"},
      {"NotCreatedYet", [](JobStage&) {}, "about to start"},
      {"PodCannotBeMade",
       [](JobStage& s) {
         s.job.mutable_spec()->mutable_template_()->mutable_spec()->set_priority_class_name("no");
       },
       "no pod can be made"},
  };
  for (const auto& c : cases) {
    JobStage stage;
    c.inject(stage);
    const Explanation why = stage.Why("node-1");
    EXPECT_EQ(NameOf(why.cause), c.cause) << c.line;
    EXPECT_THAT(why.line, HasSubstr(c.line));
  }
}

TEST(ExplainJob, OneThatWaitsForItsTurnIsToldBehindHowMany) {
  JobStage stage;
  stage.job.mutable_spec()->mutable_parallelism()->set_int_value(1);
  stage.Settle();
  const Explanation why = stage.Why("node-2");
  EXPECT_EQ(NameOf(why.cause), "WaitingInRollout");
  EXPECT_EQ(why.line, "waiting for its turn: 1 of at most 1 node runs it (spec.parallelism)");
}

TEST(ExplainJob, ARunThatIsThereIsExplainedLikeAnyPod) {
  JobStage stage;
  stage.Settle();
  SetReady(*stage.LiveOn("node-1"), true);
  EXPECT_EQ(NameOf(stage.Why("node-1").cause), "Running");
}

TEST(ExplainJob, AFailedRunTellsWhichContainerEndedHow) {
  JobStage stage;
  stage.Settle();
  v1::Pod& pod = *stage.LiveOn("node-1");
  End(pod, 3);
  const Explanation why = ExplainPod(pod, &stage.nodes[0], {&pod}, {}, kWall);
  EXPECT_EQ(NameOf(why.cause), "Failed");
  EXPECT_EQ(why.line, "failed: container main ended with exit code 3 and is not to be restarted");
  EXPECT_EQ(why.container, "main");
}

TEST(PreviewOfJob, SaysWhereItWouldRunYet) {
  JobStage stage;
  stage.AddNodes(4);
  stage.nodes.erase(stage.nodes.begin(), stage.nodes.begin() + 2);
  stage.Record("Succeeded", 0);
  AddTaint(stage.nodes[3], "mine", "NoSchedule");
  stage.job.mutable_spec()->mutable_parallelism()->set_string_value("50%");
  std::vector<std::string> lines;
  std::vector<NodePreview> previews = stage.With(
      [&](const JobWorld&, const JobSurvey& survey) { return PreviewOf(survey, stage.job); });
  for (const NodePreview& each : previews) {
    lines.push_back(each.node + " " + std::string(NameOf(each.action)) + " " + each.why);
  }
  EXPECT_THAT(lines,
              ElementsAre("node-1 none it has succeeded there", "node-2 create ", "node-3 create ",
                          "node-4 none taint mine:NoSchedule is not tolerated"));
  EXPECT_THAT(previews[1].gets, ElementsAre("main: image:1"));
  EXPECT_EQ(PaceOf(stage.job, 3), "2 of 3 nodes at once");
}

}  // namespace
}  // namespace muster::coordinator
