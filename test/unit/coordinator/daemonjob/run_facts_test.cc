#include "coordinator/daemonjob/run_facts.h"

#include "gmock/gmock.h"
#include "google/protobuf/text_format.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonjob/fixtures.h"

namespace muster::coordinator {
namespace {

RunFacts Facts(const std::string& policy, const std::string& status, const std::string& init = "") {
  v1::Pod pod;
  EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(
      "spec { restart_policy: '" + policy + "' " + init + " } status { " + status + " }", &pod));
  return RunFactsOf(pod);
}

std::string Ended(int code, int at) {
  return "terminated { exit_code: " + std::to_string(code) +
         " reason: 'Error' finished_at { seconds: " + std::to_string(at) + " } }";
}

TEST(RunFacts, HowOftenARunFailed) {
  const struct {
    const char* what;
    std::string policy, status;
    int32_t failures;
  } cases[] = {
      {"it runs", "Never", "phase: 'Running' container_statuses { state { running {} } }", 0},
      {"it failed", "Never", "phase: 'Failed' container_statuses { state { " + Ended(3, 9) + "} }",
       1},
      {"two containers, one run", "Never",
       "phase: 'Failed' container_statuses { state { " + Ended(3, 9) +
           "} } container_statuses { state { " + Ended(4, 9) + "} }",
       1},
      {"the node refused it", "Never", "phase: 'Failed' reason: 'NodePorts'", 1},
      {"stopped", "Never",
       "phase: 'Failed' reason: 'Interrupted' container_statuses { state { " + Ended(143, 9) +
           "} }",
       0},
      {"its node is gone", "Never",
       "phase: 'Failed' conditions { type: 'DisruptionTarget' status: 'True' }", 0},
      {"restarted twice and runs", "OnFailure",
       "phase: 'Running' container_statuses { restart_count: 2 state { running {} } last_state { " +
           Ended(1, 9) + " } }",
       2},
      {"restarted twice and ended again", "OnFailure",
       "phase: 'Running' container_statuses { restart_count: 2 state { " + Ended(1, 9) + " } }", 3},
      {"restarted twice and waits for the next", "OnFailure",
       "phase: 'Running' container_statuses { restart_count: 2 state { waiting {} } last_state { " +
           Ended(1, 9) + " } }",
       3},
      {"one container is done, the other runs", "OnFailure",
       "phase: 'Running' container_statuses { state { " + Ended(0, 9) +
           " } } container_statuses { state { running {} } }",
       0},
      {"stopped in its third run", "OnFailure",
       "phase: 'Failed' reason: 'Interrupted' container_statuses { restart_count: 2 state { " +
           Ended(143, 9) + " } }",
       2},
      {"succeeded at the third", "OnFailure",
       "phase: 'Succeeded' container_statuses { restart_count: 2 state { " + Ended(0, 9) + " } }",
       0},
  };
  for (const auto& c : cases) EXPECT_EQ(Facts(c.policy, c.status).failures, c.failures) << c.what;
}

TEST(RunFacts, SidecarsThatAreStartedAgainAreNoFailures) {
  const std::string status =
      "phase: 'Running' init_container_statuses { name: 'proxy' restart_count: 4 state { running "
      "{} } } container_statuses { name: 'main' state { running {} } }";
  EXPECT_EQ(Facts("OnFailure", status, "init_containers { name: 'proxy' restart_policy: 'Always' }")
                .failures,
            0);
  EXPECT_EQ(Facts("OnFailure", status, "init_containers { name: 'proxy' }").failures, 4);
}

TEST(RunFacts, TheNewestFailureIsTheEvidence) {
  const RunFacts facts =
      Facts("Never", "phase: 'Failed' container_statuses { name: 'a' state { " + Ended(3, 20) +
                         " } } container_statuses { name: 'b' state { " + Ended(4, 10) +
                         " } } container_statuses { name: 'c' state { " + Ended(0, 30) + " } }");
  EXPECT_EQ(facts.ending.container, "a");
  EXPECT_EQ(facts.ending.exit_code, 3);
  EXPECT_EQ(facts.finished->seconds(), 30);
}

TEST(RunFacts, ASuccessAndARefusalTellWhatTheyAre) {
  const RunFacts done =
      Facts("OnFailure", "phase: 'Succeeded' container_statuses { name: 'a' state { " +
                             Ended(0, 5) + " } last_state { " + Ended(9, 3) + " } }");
  EXPECT_EQ(done.ending, (RunEnding{"", 0, "Completed", ""}));
  const RunFacts refused =
      Facts("Never", "phase: 'Failed' reason: 'NodePorts' message: 'port 80 is taken'");
  EXPECT_EQ(refused.ending, (RunEnding{"", std::nullopt, "NodePorts", "port 80 is taken"}));
}

TEST(RunFacts, LongMessagesAreCutBetweenCharacters) {
  const std::string text = std::string(255, 'x') + "\xC3\xA4";
  const RunFacts facts =
      Facts("Never", "phase: 'Failed' reason: 'Evicted' message: '" + text + "'");
  EXPECT_EQ(facts.ending.message, std::string(255, 'x'));
}

TEST(RunFacts, APodSaysWhereItBelongsAndWhetherItIsWrittenDown) {
  JobScene scene;
  scene.AddNodes(1);
  scene.Settle();
  ASSERT_EQ(scene.pods.size(), 1u);
  RunFacts facts = RunFactsOf(scene.pods[0]);
  EXPECT_EQ(facts.node, "node-1");
  EXPECT_EQ(facts.node_uid, "uid-of-node-1");
  EXPECT_TRUE(facts.bound);
  EXPECT_TRUE(facts.tracked);
  EXPECT_FALSE(facts.terminating);
  scene.pods[0].mutable_metadata()->clear_finalizers();
  Terminate(scene.pods[0]);
  facts = RunFactsOf(scene.pods[0]);
  EXPECT_FALSE(facts.tracked);
  EXPECT_TRUE(facts.terminating);
}

}  // namespace
}  // namespace muster::coordinator
