#include "coordinator/daemonset/pod_facts.h"

#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"
#include "test/unit/coordinator/placement/parse.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;

TEST(PodFacts, AreWhatTheObjectSays) {
  const PodFacts facts = PodFactsOf(Parse<v1::Pod>(R"(
      metadata {
        name: 'web-1'
        labels { key: 'controller-revision-hash' value: '5d7f' }
        creation_timestamp { seconds: 100 }
        deletion_timestamp { seconds: 300 }
      }
      spec { node_name: 'node-1' }
      status {
        phase: 'Running'
        conditions { type: 'Initialized' status: 'True' last_transition_time { seconds: 1 } }
        conditions { type: 'Ready' status: 'True' last_transition_time { seconds: 200 } }
      })"));
  EXPECT_EQ(facts.name, "web-1");
  EXPECT_EQ(facts.node, "node-1");
  EXPECT_EQ(facts.hash, "5d7f");
  EXPECT_EQ(facts.created, WallTime(seconds(100)));
  EXPECT_EQ(facts.ready_changed, WallTime(seconds(200)));
  EXPECT_EQ(facts.phase, PodPhase::kRunning);
  EXPECT_TRUE(facts.bound);
  EXPECT_TRUE(facts.terminating);
  EXPECT_TRUE(facts.ready);
}

PodFacts FactsOf(const std::string& status) {
  return PodFactsOf(Parse<v1::Pod>("status { " + status + " }"));
}

TEST(PodFacts, CountHowOftenContainersHaveEndedAndSayHowTheLastTime) {
  const std::string exit_1 =
      "terminated { exit_code: 1 reason: 'Error' finished_at { seconds: 5 } }";
  const std::string killed =
      "terminated { exit_code: 137 reason: 'OOMKilled' finished_at { seconds: 9 } }";
  struct Case {
    std::string status;
    int32_t endings;
    std::string last;
    bool out_of_memory = false;
  };
  const Case cases[] = {
      {"container_statuses { name: 'a' state { running {} } }", 0, ""},
      {"container_statuses { name: 'a' state { " + exit_1 + " } }", 1,
       "container a ended: exit code 1"},
      {"container_statuses { name: 'a' state { waiting { reason: 'CrashLoopBackOff' } } "
       "last_state { " +
           exit_1 + " } }",
       1, "container a ended: exit code 1"},
      {"container_statuses { name: 'a' restart_count: 2 state { running {} } last_state { " +
           killed + " } }",
       2, "container a ended: OOMKilled, exit code 137", true},
      {"container_statuses { name: 'a' state { " + killed +
           " } } "
           "container_statuses { name: 'b' restart_count: 3 state { running {} } last_state { " +
           exit_1 + " } }",
       4, "container a ended: OOMKilled, exit code 137", true},
      {"init_container_statuses { name: 'i' state { terminated { exit_code: 0 } } }", 0, ""},
      {"init_container_statuses { name: 'i' state { " + exit_1 + " } }", 1,
       "container i ended: exit code 1"},
  };
  for (const Case& each : cases) {
    const PodFacts facts = FactsOf(each.status);
    EXPECT_EQ(facts.endings, each.endings) << each.status;
    EXPECT_EQ(facts.last_ending, each.last) << each.status;
    EXPECT_EQ(facts.out_of_memory, each.out_of_memory) << each.status;
  }
}

TEST(PodFacts, TellWhetherTheNodeHasThePodAndWhetherItIsOnlyTheNodeThatIsSilent) {
  EXPECT_FALSE(FactsOf("").received);
  EXPECT_TRUE(FactsOf("start_time { seconds: 1 }").received);
  EXPECT_TRUE(
      FactsOf("conditions { type: 'Ready' status: 'False' reason: 'NodeNotReady' }").silenced);
  EXPECT_FALSE(FactsOf("conditions { type: 'Ready' status: 'False' reason: 'ContainersNotReady' }")
                   .silenced);
  EXPECT_FALSE(
      FactsOf("conditions { type: 'Ready' status: 'True' reason: 'NodeNotReady' }").silenced);
  EXPECT_TRUE(FactsOf("phase: 'Failed' reason: 'Terminated'").silenced) << "its host shut down";
  EXPECT_TRUE(FactsOf("phase: 'Failed' reason: 'NodeShutdown'").silenced);
  EXPECT_FALSE(FactsOf("phase: 'Failed' reason: 'Evicted'").silenced);
}

TEST(TargetNode, IsTheNodeNameBeforeTheAffinity) {
  v1::Pod pod = MakePod(*MakePodPattern(DaemonSetNamed("web"), "h", {}), "web-1", "pinned");
  EXPECT_EQ(TargetNode(pod.spec()), "pinned");
  EXPECT_FALSE(PodFactsOf(pod).bound);
  pod.mutable_spec()->set_node_name("bound");
  EXPECT_EQ(TargetNode(pod.spec()), "bound");
  EXPECT_EQ(TargetNode(v1::PodSpec()), "");
}

// Spec: 3.2/duplicates
TEST(KeptBefore, BoundThenOlderThenSmallerName) {
  PodFacts bound{.name = "z", .created = kWall, .bound = true};
  PodFacts older{.name = "y", .created = kWall - seconds(9)};
  PodFacts smaller{.name = "a", .created = kWall};
  PodFacts greater{.name = "b", .created = kWall};
  EXPECT_TRUE(KeptBefore(bound, older));
  EXPECT_FALSE(KeptBefore(older, bound));
  EXPECT_TRUE(KeptBefore(older, smaller));
  EXPECT_FALSE(KeptBefore(smaller, older));
  EXPECT_TRUE(KeptBefore(smaller, greater));
  EXPECT_FALSE(KeptBefore(greater, smaller));
}

TEST(IsAvailable, ReadyForLongerThanMinReadySeconds) {
  PodFacts pod{.ready_changed = kWall, .ready = true};
  EXPECT_TRUE(IsAvailable(pod, 0, kWall));
  EXPECT_FALSE(IsAvailable(pod, 10, kWall + seconds(9)));
  EXPECT_FALSE(IsAvailable(pod, 10, kWall + seconds(10)));
  EXPECT_TRUE(IsAvailable(pod, 10, kWall + seconds(11)));
  pod.ready = false;
  EXPECT_FALSE(IsAvailable(pod, 0, kWall));
  EXPECT_FALSE(IsAvailable(pod, 10, kWall + seconds(11)));
}

TEST(IsAvailable, ATransitionTimeIsNeededOnlyForMinReadySeconds) {
  const PodFacts pod{.ready = true};
  EXPECT_TRUE(IsAvailable(pod, 0, kWall));
  EXPECT_FALSE(IsAvailable(pod, 1, kWall + seconds(1000)));
}

}  // namespace
}  // namespace muster::coordinator
