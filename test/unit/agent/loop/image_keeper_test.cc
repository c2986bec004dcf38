// pod-lifecycle.md, 18: image garbage collection as the loop carries it out.
#include "agent/loop/image_keeper.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr char kImages[] = "/var/lib/containerd";

class ImageKeeperTest : public ::testing::Test {
 protected:
  ImageKeeperTest() {
    RuntimeInfo info{.name = "containerd",
                     .version = "1.6.20",
                     .api_version = "v1",
                     .runtime_ready = true,
                     .network_ready = true};
    info.sandbox_image = "pause:3.6";
    h.runtime.set_info(info);
    for (const char* name : {"pause:3.6", "old:1", "old:2", "next:1"}) h.runtime.AddImage(name);
    h.Settle();
  }
  void Fill(int percent) {
    h.host.spaces[kImages] = {100 << 20, int64_t{100 - percent} << 20, 1'000, 900, 7};
  }
  std::vector<std::string> Images() {
    std::vector<std::string> names;
    for (const auto& [name, image] : h.runtime.world().images) {
      names.push_back(name.substr(name.rfind('/') + 1));
    }
    return names;
  }

  NodeHarness h;
};

TEST_F(ImageKeeperTest, NothingGoesBelowTheHighThreshold) {
  Fill(84);
  h.Welcome({PodObject("a", "u1")});
  h.Run(minutes(30));
  EXPECT_THAT(Images(), UnorderedElementsAre("next:1", "old:1", "old:2", "pause:3.6", "img:1"));
}

// Spec: pod/18/images
TEST_F(ImageKeeperTest, UnusedImagesGoWhenTheDiskIsFullAndNeededOnesStay) {
  v1::Object pod = PodObject("a", "u1");
  pod.mutable_pod()->mutable_pre_pull()->add_images()->set_image("next:1");
  h.Welcome({pod});
  h.Run(seconds(10));
  // At the threshold, and not yet below that of imagefs, for which pods would go.
  Fill(85);
  h.Run(minutes(6));
  const std::vector<std::string> left = Images();
  EXPECT_THAT(left, Contains("img:1")) << "in use";
  EXPECT_THAT(left, Contains("next:1")) << "pulled ahead";
  EXPECT_THAT(left, Contains("pause:3.6")) << "every sandbox is made from it";
  EXPECT_THAT(left, Not(Contains("old:1")));
  EXPECT_THAT(left, Not(Contains("old:2")));
  EXPECT_THAT(h.Events(), Not(Contains("FreeDiskSpaceFailed")));
}

TEST_F(ImageKeeperTest, ThatThereWasNotEnoughToRemoveIsTold) {
  h.Welcome({PodObject("a", "u1")});
  h.Run(seconds(10));
  Fill(99);
  h.Run(minutes(6));
  EXPECT_THAT(h.Events(), Contains("FreeDiskSpaceFailed"));
}

// Spec: pod/18/not-before-the-set
TEST_F(ImageKeeperTest, NothingGoesBeforeItIsKnownWhatIsNeeded) {
  Fill(99);
  h.refuse_connects = true;
  h.RestartAgent();
  h.Run(minutes(30));
  EXPECT_THAT(Images(), Contains("old:1"));
}

TEST_F(ImageKeeperTest, RuntimeThatDoesNotAnswerIsAskedAgainLater) {
  h.Welcome({PodObject("a", "u1")});
  h.Run(seconds(10));
  Fill(85);
  h.runtime.FailNext(RuntimeCall::kListImages, absl::UnknownError("no"));
  h.runtime.FailNext(RuntimeCall::kImageFilesystems, absl::UnknownError("no"));
  h.Run(minutes(20));
  EXPECT_THAT(Images(), Not(Contains("old:1")));
}

// Spec: pod/1/collection-periods
TEST_F(ImageKeeperTest, ImagesAreLookedAtEveryFiveMinutes) {
  h.Welcome({PodObject("a", "u1")});
  h.Run(minutes(6));
  h.runtime.ClearJournal();
  h.Run(minutes(60));
  EXPECT_EQ(std::ranges::count(h.runtime.journal(), "ListImages"), 12);
}

TEST(OrphanedLogs, LogsOfAPodThatOnlyItsFilesTellOfGo) {
  NodeHarness h;
  h.Settle();
  // As an agent leaves it that is killed in the middle of cleaning up.
  h.volumes.pods.insert("u-old");
  h.logs.directories = {"/var/log/pods/ns_gone_u-old", "/var/log/pods/ns_other_u-foreign"};
  h.Welcome({});
  h.Run(seconds(10));
  EXPECT_THAT(h.logs.directories, ElementsAre("/var/log/pods/ns_other_u-foreign"));
  EXPECT_THAT(h.volumes.pods, IsEmpty());
}

}  // namespace
}  // namespace muster::agent
