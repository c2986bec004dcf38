// pod-lifecycle.md, 19: pressure and eviction as the loop carries them out; 3: admission under it.
#include "agent/loop/eviction_keeper.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

constexpr int64_t kMi = 1 << 20;

class EvictionKeeperTest : public ::testing::Test {
 protected:
  EvictionKeeperTest() { h.Settle(); }

  static v1::Object Pod(const std::string& uid, int32_t priority = 0) {
    v1::Object object = PodObject("pod-" + uid, uid);
    object.mutable_pod()->mutable_spec()->set_priority(priority);
    return object;
  }
  void Memory(const std::string& uid, int64_t bytes) {
    h.runtime.SetStats(h.runtime.FindContainer(uid, "web"),
                       {.memory_working_set_bytes = static_cast<uint64_t>(bytes)});
  }
  bool Runs(const std::string& uid) {
    const std::string id = h.runtime.FindContainer(uid, "web");
    return std::ranges::any_of(h.runtime.containers(), [&id](const ContainerStatus& status) {
      return status.id == id && status.state == ContainerState::kRunning;
    });
  }
  v1::NodeStatus NodeStatus() const {
    return h.link->node_statuses().empty() ? h.link->hello().node_status
                                           : h.link->node_statuses().back();
  }
  v1::NodeCondition Condition(const std::string& type) const {
    const v1::NodeStatus status = NodeStatus();
    for (const v1::NodeCondition& condition : status.conditions()) {
      if (condition.type() == type) return condition;
    }
    return {};
  }
  std::vector<std::string> PodConditions(const std::string& uid) {
    std::vector<std::string> result;
    const v1::PodStatus status = h.Status(uid);
    for (const v1::PodCondition& condition : status.conditions()) {
      result.push_back(condition.type() + "=" + condition.status());
    }
    return result;
  }

  NodeHarness h;
};

// Spec: pod/19/result, pod/22/conditions
TEST_F(EvictionKeeperTest, LargestPodGoesWhenMemoryIsShortAndSaysWhy) {
  h.Welcome({Pod("small"), Pod("large")});
  h.Run(seconds(5));
  Memory("small", 10 * kMi);
  Memory("large", 500 * kMi);
  h.host.load.memory_available_bytes = 50 * kMi;
  h.Run(seconds(12));
  EXPECT_FALSE(Runs("large"));
  EXPECT_TRUE(Runs("small"));
  const v1::PodStatus status = h.Status("large");
  EXPECT_EQ(status.phase(), "Failed");
  EXPECT_EQ(status.reason(), "Evicted");
  EXPECT_EQ(status.message(),
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 50Mi. "
            "Container web was using 500Mi, request is 0, has larger consumption of memory. ");
  EXPECT_THAT(PodConditions("large"), Contains("DisruptionTarget=True"));
  EXPECT_THAT(PodConditions("large"), Contains("Ready=False"));
  EXPECT_EQ(Condition("MemoryPressure").status(), "True");
  EXPECT_EQ(Condition("MemoryPressure").reason(), "KubeletHasInsufficientMemory");
  EXPECT_EQ(Condition("DiskPressure").status(), "False");
  EXPECT_THAT(h.Events(), Contains("Evicted"));
  EXPECT_THAT(h.Events(), Contains("EvictionThresholdMet"));
}

// Spec: pod/19/one-at-a-time
TEST_F(EvictionKeeperTest, OnePodGoesAtATimeAndOnlyAsLongAsItIsNeeded) {
  h.Welcome({Pod("a"), Pod("b"), Pod("c")});
  h.Run(seconds(5));
  Memory("a", 300 * kMi);
  Memory("b", 200 * kMi);
  h.host.load.memory_available_bytes = 50 * kMi;
  h.Run(seconds(11));
  EXPECT_FALSE(Runs("a"));
  EXPECT_TRUE(Runs("b"));
  h.host.load.memory_available_bytes = 350 * kMi;
  h.Run(minutes(2));
  EXPECT_TRUE(Runs("b"));
  EXPECT_TRUE(Runs("c"));
  EXPECT_EQ(Condition("MemoryPressure").status(), "True") << "it stays for five minutes";
  h.Run(minutes(4));
  EXPECT_EQ(Condition("MemoryPressure").status(), "False");
}

// Spec: pod/19/grace
TEST_F(EvictionKeeperTest, HardEvictionGivesTheLeastTimeToStop) {
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  h.runtime.ClearJournal();
  h.host.load.memory_available_bytes = 50 * kMi;
  h.Run(seconds(12));
  EXPECT_THAT(h.runtime.journal(), Contains(::testing::EndsWith(" 2s")));
}

// Spec: pod/19/room-first
TEST_F(EvictionKeeperTest, FullDiskTakesUnusedImagesFirst) {
  h.runtime.AddImage("old:1");
  h.Welcome({Pod("a")});
  h.Run(minutes(3));
  h.host.space.available_bytes = 5 << 20;
  h.runtime.ClearJournal();
  h.Run(seconds(12));
  EXPECT_THAT(h.runtime.journal(), Contains(StartsWith("RemoveImage")));
  EXPECT_EQ(Condition("DiskPressure").status(), "True");
  h.Run(seconds(12));
  EXPECT_FALSE(Runs("a"));
  EXPECT_THAT(h.Status("a").message(),
              HasSubstr("The node was low on resource: ephemeral-storage. "));
}

// Spec: pod/19/room-first
TEST_F(EvictionKeeperTest, PodsStayWhenImagesWereEnough) {
  h.runtime.AddImage("old:1");
  h.Welcome({Pod("a")});
  h.Run(minutes(3));
  h.host.space.available_bytes = 5 << 20;
  h.runtime.Hold(RuntimeCall::kRemoveImage);
  h.Run(seconds(12));
  h.host.space.available_bytes = int64_t{50} << 30;
  h.runtime.Release(RuntimeCall::kRemoveImage);
  h.Run(minutes(1));
  EXPECT_TRUE(Runs("a"));
}

// Spec: pod/19/room-first
TEST_F(EvictionKeeperTest, DeadInstancesGoWhenTheDiskIsFull) {
  h.Welcome({Pod("a", 2'000'000'000)});
  h.Run(seconds(5));
  h.runtime.ExitContainer(h.runtime.FindContainer("a", "web"), 1);
  h.Run(seconds(5));
  ASSERT_EQ(h.runtime.containers().size(), 2u);
  h.host.space.available_bytes = 5 << 20;
  h.Run(seconds(30));
  EXPECT_EQ(h.runtime.containers().size(), 1u);
  EXPECT_TRUE(Runs("a")) << "it is critical";
}

TEST_F(EvictionKeeperTest, NobodyGoesBeforeItIsKnownWhatTheNodeShouldHold) {
  h.Welcome({Pod("a")});
  h.Run(seconds(5));
  h.disk->damaged = true;
  h.refuse_connects = true;
  h.RestartAgent();
  h.host.load.memory_available_bytes = 50 * kMi;
  h.Run(minutes(5));
  EXPECT_TRUE(Runs("a"));
}

// Spec: pod/3/pressure
TEST_F(EvictionKeeperTest, PodThatComesToANodeThatIsShortIsRefused) {
  h.host.space.available_bytes = 5 << 20;
  h.Run(seconds(12));
  h.Welcome({Pod("a"), Pod("critical", 2'000'000'000)});
  h.Run(seconds(12));
  EXPECT_EQ(h.Status("a").phase(), "Failed");
  EXPECT_EQ(h.Status("a").reason(), "Evicted");
  EXPECT_EQ(h.Status("a").message(), "The node had condition: [DiskPressure]. ");
  EXPECT_TRUE(Runs("critical"));
}

// Spec: pod/3/not-again
TEST_F(EvictionKeeperTest, PodThatRunsIsNotRefusedByTheNextAgent) {
  h.Welcome({Pod("a", 2'000'000'000), Pod("b")});
  h.Run(seconds(5));
  h.host.load.memory_available_bytes = 99 * kMi;
  // Nobody may go, but both have to be looked at anew.
  h.runtime.Hold(RuntimeCall::kListContainerStats);
  h.RestartAgent();
  h.Run(seconds(15));
  EXPECT_TRUE(Runs("a"));
  EXPECT_TRUE(Runs("b"));
}

// Spec: pod/14.2/size-limit
TEST_F(EvictionKeeperTest, EmptyDirThatIsTooLargeTakesItsPodAlong) {
  v1::Object object = Pod("a");
  v1::Volume& volume = *object.mutable_pod()->mutable_spec()->add_volumes();
  volume.set_name("tmp");
  volume.mutable_empty_dir()->mutable_size_limit()->set_text("10Mi");
  h.Welcome({object, Pod("b")});
  h.Run(minutes(2));
  EXPECT_TRUE(Runs("a"));
  h.volumes.empty_dirs["a"]["tmp"] = {.bytes = 11 * kMi, .inodes = 1};
  h.Run(seconds(75));
  EXPECT_FALSE(Runs("a"));
  EXPECT_EQ(h.Status("a").message(),
            "Usage of EmptyDir volume \"tmp\" exceeds the limit \"10Mi\". ");
  EXPECT_TRUE(Runs("b"));
  EXPECT_EQ(Condition("DiskPressure").status(), "False");
}

TEST_F(EvictionKeeperTest, NobodyIsAskedWhatItUsesWithoutNeed) {
  h.Welcome({Pod("a")});
  h.Run(minutes(1));
  h.runtime.ClearJournal();
  h.Run(minutes(10));
  EXPECT_THAT(h.runtime.journal(), Not(Contains("ListContainerStats")));
}

// Spec: pod/22/allocatable
TEST_F(EvictionKeeperTest, AllocatableIsWhatPodsCanHaveBeforeTheyAreEvicted) {
  h.Welcome({});
  h.Run(seconds(5));
  const v1::NodeStatus status = NodeStatus();
  EXPECT_EQ(status.allocatable().at("memory").text(),
            absl::StrCat(8 * 1024 * 1024 - 100 * 1024, "Ki"));
  EXPECT_EQ(status.allocatable().at("ephemeral-storage").text(),
            absl::StrCat(int64_t{90} * 1024 * 1024, "Ki"));
}

}  // namespace
}  // namespace muster::agent
