// What the parameters of an update mean in a whole plan.

#include <string>

#include "coordinator/daemonset/plan.h"
#include "coordinator/daemonset/pod_factory.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

// Ten nodes, each with a ready pod of an older revision.
class UpdateParametersTest : public testing::Test {
 protected:
  UpdateParametersTest() {
    for (int i = 0; i < 10; ++i) scene_.nodes.push_back(NodeNamed("node-" + std::to_string(i)));
    scene_.SettleRevisions();
    for (const v1::Node& node : scene_.nodes) {
      scene_.pods.push_back(ReadyPodOn(scene_.daemon_set, node.metadata().name(), "older",
                                       "pod-of-" + node.metadata().name()));
    }
  }

  v1::DaemonSetUpdateStrategy& Strategy() {
    return *scene_.daemon_set.mutable_spec()->mutable_update_strategy();
  }

  Scene scene_;
};

// Spec: 5.1/percent-base
TEST_F(UpdateParametersTest, PercentagesAreOfTheNodesThatShouldRunItNow) {
  Strategy().mutable_rolling_update()->mutable_max_unavailable()->set_string_value("50%");
  EXPECT_THAT(scene_.Plan().remove, SizeIs(5));
  // Not ready: the pods there stay, but the nodes do not count.
  for (int i = 4; i < 10; ++i)
    AddTaint(scene_.nodes[i], "node.kubernetes.io/not-ready", "NoSchedule");
  EXPECT_EQ(scene_.Plan().status->desired_number_scheduled(), 4);
  EXPECT_THAT(PodsOf(scene_.Plan().remove), ElementsAre("pod-of-node-0", "pod-of-node-1"));
}

// Spec: 5.1/hash-decides
TEST_F(UpdateParametersTest, OnlyTheHashTellsOldFromNew) {
  for (v1::Pod& pod : scene_.pods) {
    (*pod.mutable_metadata()->mutable_labels())[kRevisionHashLabel] = scene_.Hash();
    (*pod.mutable_metadata()->mutable_labels())["pod-template-generation"] = "999";
    pod.mutable_spec()->mutable_containers(0)->set_image("edited:by-hand");
  }
  EXPECT_THAT(scene_.Plan().remove, IsEmpty());
  (*scene_.pods[3].mutable_metadata()->mutable_labels())[kRevisionHashLabel] = "older";
  EXPECT_THAT(PodsOf(scene_.Plan().remove), ElementsAre("pod-of-node-3"));
}

// Spec: 5.1/type, 5.4/on-delete
TEST_F(UpdateParametersTest, SwitchingFromOnDeleteStartsReplacingAtOnce) {
  Strategy().set_type("OnDelete");
  EXPECT_TRUE(scene_.Plan().settled());
  Strategy().set_type("RollingUpdate");
  EXPECT_THAT(PodsOf(scene_.Plan().remove), ElementsAre("pod-of-node-0"));
}

// Spec: 7/collision-count
TEST_F(UpdateParametersTest, TheCollisionCountIsThereWhenThereIsOneAndNeverFalls) {
  EXPECT_FALSE(scene_.Plan().status->has_collision_count());
  scene_.daemon_set.mutable_status()->set_collision_count(3);
  EXPECT_EQ(scene_.Plan().status->collision_count(), 3);
  EXPECT_EQ(StatusOf(scene_.daemon_set, Tally(), 2).collision_count(), 3);
  EXPECT_EQ(StatusOf(scene_.daemon_set, Tally(), 4).collision_count(), 4);
}

}  // namespace
}  // namespace muster::coordinator
