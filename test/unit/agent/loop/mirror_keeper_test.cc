// pod-lifecycle.md, 21: what the cluster is told of static pods.
#include "agent/loop/mirror_keeper.h"

#include <filesystem>
#include <fstream>

#include "common/model/static_pod.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class MirrorKeeperTest : public ::testing::Test {
 protected:
  MirrorKeeperTest() {
    Write("img:1");
    h.static_pod_dir = directory_;
    h.RestartAgent();
    h.Settle();
    h.Welcome({});
    h.Run(seconds(2));
  }
  void Write(const std::string& image) {
    fs::create_directories(directory_);
    std::ofstream(directory_ + "/web.yaml")
        << "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\nspec:\n  containers:\n"
        << "  - {name: web, image: '" << image << "', command: [serve]}\n";
  }
  const std::vector<std::vector<v1::Pod>>& Said() const { return h.link->static_pods(); }
  v1::Object Mirror(int64_t version) const {
    v1::Object object;
    *object.mutable_pod() = Said().back().front();
    object.mutable_pod()->mutable_metadata()->set_resource_version(std::to_string(version));
    return object;
  }

  TempDir root_;
  const std::string directory_ = root_ / "static-pods";
  NodeHarness h;
};

TEST_F(MirrorKeeperTest, MissingMirrorIsAskedForWithThePodAsItIs) {
  ASSERT_FALSE(Said().empty());
  ASSERT_THAT(Said().back(), SizeIs(1));
  const v1::Pod& pod = Said().back().front();
  EXPECT_EQ(pod.metadata().name(), "web-node-a");
  EXPECT_EQ(model::MirrorProblem(pod, "node-a"), "");
  EXPECT_EQ(pod.metadata().owner_references(0).uid(), "node-uid-1");
  // Said again when nothing comes of it, but not all the time: after 10 s, 20 s, 40 s.
  const size_t before = Said().size();
  h.Run(seconds(29));
  EXPECT_EQ(Said().size(), before + 2);
  h.Run(seconds(35));
  EXPECT_EQ(Said().size(), before + 2);
  h.Run(seconds(5));
  EXPECT_EQ(Said().size(), before + 3);
}

TEST_F(MirrorKeeperTest, MirrorThatIsThereIsToldHowItsPodIsAndThenLeftAlone) {
  h.Assign({Mirror(7)});
  const std::string uid = Said().back().front().metadata().uid();
  EXPECT_EQ(h.Status(uid).phase(), "Running");
  const size_t before = Said().size();
  const size_t reports = h.link->pod_reports().size();
  h.Run(seconds(60));
  EXPECT_EQ(Said().size(), before);
  EXPECT_EQ(h.link->pod_reports().size(), reports);
  EXPECT_EQ(h.runtime.running_containers(), 1) << "the mirror is not run as well";
}

TEST_F(MirrorKeeperTest, DeletedMirrorGoesAndComesAgainWhileThePodRunsOn) {
  h.Assign({Mirror(7)});
  const std::string id = h.runtime.FindContainer(Said().back().front().metadata().uid(), "web");
  v1::Object deleted = Mirror(8);
  deleted.mutable_pod()->mutable_metadata()->mutable_deletion_timestamp()->set_seconds(1);
  h.Assign({deleted});
  ASSERT_FALSE(h.link->pod_reports().empty());
  EXPECT_TRUE(h.link->pod_reports().back().gone);
  const size_t before = Said().size();
  h.Assign({}, {"pods/default/web-node-a"});
  h.Run(seconds(1));
  EXPECT_EQ(Said().size(), before + 1);
  EXPECT_EQ(h.runtime.FindContainer(Said().back().front().metadata().uid(), "web"), id);
  EXPECT_EQ(h.runtime.running_containers(), 1);
}

TEST_F(MirrorKeeperTest, MirrorOfAPodWhoseFileIsGoneIsNotAmongThem) {
  h.Assign({Mirror(7)});
  fs::remove_all(directory_);
  h.loop->NoticeStaticPods();
  h.Run(seconds(1));
  EXPECT_THAT(Said().back(), IsEmpty());
}

TEST_F(MirrorKeeperTest, MirrorOfAnEarlierLifeOfTheNodeIsSaidAgain) {
  h.Assign({Mirror(7)});
  const size_t before = Said().size();
  // Enrolled anew: the node has another uid, and the object still names the old one.
  h.Welcome({}, {}, "node-uid-2");
  h.Run(seconds(1));
  ASSERT_GT(Said().size(), before);
  EXPECT_EQ(Said().back().front().metadata().owner_references(0).uid(), "node-uid-2");
}

TEST_F(MirrorKeeperTest, EditedFileIsAnotherMirror) {
  h.Assign({Mirror(7)});
  const std::string uid = Said().back().front().metadata().uid();

  h.runtime.AddToRegistry("img:2");
  Write("img:2");
  h.loop->NoticeStaticPods();
  h.Run(seconds(1));
  ASSERT_THAT(Said().back(), SizeIs(1));
  EXPECT_NE(Said().back().front().metadata().uid(), uid);
}

}  // namespace
}  // namespace muster::agent
