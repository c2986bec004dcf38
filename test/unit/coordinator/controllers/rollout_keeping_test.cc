// Rollouts through a coordinator that is restarted before every look: all that it has to remember
// is in the store.

#include <string>
#include <vector>

#include "coordinator/admission/admit.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/controllers/loop_fixture.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

constexpr char kGood[] = "image:1";
constexpr char kBad[] = "image:bad";

class RolloutKeepingTest : public ControllerLoopTest {
 protected:
  // As the admin API stores it.
  void Begin(const std::string& key, const std::string& value) {
    v1::Object object;
    *object.mutable_daemon_set() = DaemonSetNamed("web");
    object.mutable_daemon_set()->mutable_spec()->set_min_ready_seconds(2);
    (*object.mutable_daemon_set()->mutable_metadata()->mutable_annotations())[key] = value;
    Create(Admit(object, nullptr, clock_.Wall()).object);
    Turns(10);
    ASSERT_EQ(Rollout().phase(), "Complete");
  }
  void Release(const std::string& image) {
    const v1::Object stored = DaemonSet();
    v1::Object changed = stored;
    changed.mutable_daemon_set()
        ->mutable_spec()
        ->mutable_template_()
        ->mutable_spec()
        ->mutable_containers(0)
        ->set_image(image);
    Update(Admit(changed, &stored, clock_.Wall()).object);
  }
  void Annotate(const std::string& key, const std::string& value) {
    v1::Object object = DaemonSet();
    (*object.mutable_daemon_set()->mutable_metadata()->mutable_annotations())[key] = value;
    Update(object);
  }

  // One look of a coordinator that has just been started, and what the agents do about it.
  void Turns(int count) {
    for (int i = 0; i < count; ++i) {
      Restart();
      ASSERT_TRUE(Settle());
      for (v1::Object& object : List(v1::Object::kPod)) Live(std::move(object));
      clock_.Advance(1s);
    }
  }

  v1::DaemonSetRollout Rollout() { return DaemonSet().daemon_set().status().rollout(); }
  std::string Image() {
    return DaemonSet().daemon_set().spec().template_().spec().containers(0).image();
  }
  std::vector<std::string> NodesWith(const std::string& image) {
    std::vector<std::string> nodes;
    for (const v1::Object& object : List(v1::Object::kPod)) {
      if (object.pod().spec().containers(0).image() == image) {
        nodes.push_back(object.pod().spec().node_name());
      }
    }
    std::sort(nodes.begin(), nodes.end());
    return nodes;
  }

 private:
  void Live(v1::Object object) {
    v1::Pod& pod = *object.mutable_pod();
    if (pod.metadata().has_deletion_timestamp()) {
      return Delete(v1::Object::kPod, pod.metadata().namespace_(), pod.metadata().name());
    }
    if (pod.status().has_start_time()) return;
    *pod.mutable_status()->mutable_start_time() = FromWallTime(clock_.Wall());
    const bool good = pod.spec().containers(0).image() != kBad;
    muster::coordinator::SetReady(pod, good, clock_.Wall());
    if (!good) {
      v1::ContainerStatus& container = *pod.mutable_status()->add_container_statuses();
      container.set_name("main");
      container.mutable_state()->mutable_terminated()->set_exit_code(1);
    }
    Update(std::move(object));
  }
};

TEST_F(RolloutKeepingTest, AHaltOutlivesEveryRestart) {
  Begin("muster.dev/max-failed", "1");
  Release(kBad);
  Turns(30);
  EXPECT_EQ(Rollout().phase(), "Halted");
  EXPECT_THAT(NodesWith(kBad), ElementsAre("node-1"));
  EXPECT_THAT(NodesWith(kGood), ElementsAre("node-2", "node-3"));
  EXPECT_THAT(EventsOf("RolloutHalted"), SizeIs(1));
}

TEST_F(RolloutKeepingTest, GoingBackIsOneChangeOfTheSpecAndEndsWhereItBegan) {
  Begin("muster.dev/on-failure", "rollback");
  const std::string good = Rollout().revision();
  const int64_t generation = DaemonSet().daemon_set().metadata().generation();
  Release(kBad);
  Turns(30);
  EXPECT_EQ(Image(), kGood);
  EXPECT_EQ(Rollout().revision(), good);
  EXPECT_EQ(Rollout().phase(), "Complete");
  EXPECT_EQ(DaemonSet().daemon_set().metadata().generation(), generation + 2);
  EXPECT_THAT(NodesWith(kGood), ElementsAre("node-1", "node-2", "node-3"));
  EXPECT_THAT(EventsOf("RolledBack"), SizeIs(1));
  EXPECT_THAT(List(v1::Object::kControllerRevision), SizeIs(2));
}

TEST_F(RolloutKeepingTest, ARequestIsCarriedOutOnceAndTakenOff) {
  Begin("muster.dev/canary", "count: 1");
  Release("image:2");
  Turns(15);
  ASSERT_EQ(Rollout().phase(), "AwaitingPromotion");
  EXPECT_THAT(NodesWith("image:2"), ElementsAre("node-1"));
  Annotate("muster.dev/rollout-request", "promote " + Rollout().revision());
  Turns(30);
  EXPECT_EQ(Rollout().phase(), "Complete");
  EXPECT_THAT(NodesWith("image:2"), SizeIs(3));
  EXPECT_FALSE(
      DaemonSet().daemon_set().metadata().annotations().contains("muster.dev/rollout-request"));
  EXPECT_THAT(EventsOf("RolloutPromoted"), SizeIs(1));
}

}  // namespace
}  // namespace muster::coordinator
