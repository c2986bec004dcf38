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
