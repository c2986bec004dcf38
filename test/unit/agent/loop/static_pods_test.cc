// pod-lifecycle.md, 21: static pods, from their files to the runtime.
#include "agent/loop/static_pods.h"

#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

class StaticPodsTest : public ::testing::Test {
 protected:
  void Write(const std::string& file, const std::string& name, const std::string& image = "img:1") {
    fs::create_directories(directory_);
    std::ofstream(directory_ + "/" + file)
        << "apiVersion: v1\nkind: Pod\nmetadata: {name: " << name
        << "}\nspec:\n  containers:\n  - {name: web, image: '" << image << "', command: [serve]}\n";
  }
  static std::vector<std::string> Names(const StaticPods& pods) {
    std::vector<std::string> names;
    for (const auto& [uid, pod] : pods.pods()) names.push_back(pod->metadata().name());
    std::ranges::sort(names);
    return names;
  }

  TempDir root_;
  const std::string directory_ = root_ / "static-pods";
  StaticPods pods_{directory_, "node-a"};
};

// Spec: pod/21/files
TEST_F(StaticPodsTest, EveryManifestIsAPodAndOtherFilesAreNot) {
  EXPECT_FALSE(pods_.Read()) << "there is no directory yet";
  Write("a.yaml", "a");
  Write("b.json", "b");
  Write(".c.yaml", "c");
  Write("d.yaml~", "d");
  fs::create_directories(directory_ + "/e.yaml");
  EXPECT_TRUE(pods_.Read());
  EXPECT_THAT(Names(pods_), ElementsAre("a-node-a", "b-node-a"));
  EXPECT_FALSE(pods_.Read()) << "nothing has changed";
}

// What the host's owner writes himself is not what he forbids to others.
TEST_F(StaticPodsTest, RulesOfTheHostAreNotForItsOwnPods) {
  Write("a.yaml", "a");
  NodeHarness node;
  node.static_pod_dir = directory_;
  node.host_rules.registries.emplace();
  node.Settle();
  node.Welcome({});
  node.RestartAgent();
  node.Run(seconds(5));
  EXPECT_EQ(node.runtime.running_containers(), 1);
}

// Spec: pod/21/identity
TEST_F(StaticPodsTest, EditedFileIsAnotherPodAndARemovedOneNone) {
  Write("a.yaml", "a");
  pods_.Read();
  const std::string before = pods_.pods().begin()->first;
  Write("a.yaml", "a", "img:2-and-longer");
  EXPECT_TRUE(pods_.Read());
  EXPECT_THAT(pods_.pods(), SizeIs(1));
  EXPECT_NE(pods_.pods().begin()->first, before);
  fs::remove(directory_ + "/a.yaml");
  EXPECT_TRUE(pods_.Read());
  EXPECT_THAT(pods_.pods(), IsEmpty());
}

// Spec: pod/21/files
TEST_F(StaticPodsTest, BrokenFileLeavesItsPodAsItWas) {
  Write("a.yaml", "a");
  pods_.Read();
  std::ofstream(directory_ + "/a.yaml") << "kind: [";
  EXPECT_FALSE(pods_.Read());
  EXPECT_THAT(Names(pods_), ElementsAre("a-node-a"));
  std::ofstream(directory_ + "/new.yaml") << "kind: Pod\napiVersion: v1\nmetadata: {nmae: x}\n";
  EXPECT_FALSE(pods_.Read());
  Write("a.yaml", "b");
  EXPECT_TRUE(pods_.Read());
  EXPECT_THAT(Names(pods_), ElementsAre("b-node-a"));
}

TEST_F(StaticPodsTest, OfTwoFilesWithOneNameTheFirstCounts) {
  Write("a.yaml", "same", "img:1");
  Write("b.yaml", "same", "img:2");
  pods_.Read();
  ASSERT_THAT(pods_.pods(), SizeIs(1));
  EXPECT_EQ(pods_.pods().begin()->second->spec().containers(0).image(), "img:1");
}

// Spec: pod/1/static-rescan, pod/21/alone
TEST_F(StaticPodsTest, NodeRunsThemWithoutACoordinatorAndOutlivesIt) {
  Write("a.yaml", "a");
  NodeHarness h;
  h.static_pod_dir = directory_;
  h.Settle();
  h.Welcome({});
  h.RestartAgent();
  h.Run(seconds(5));
  EXPECT_EQ(h.runtime.running_containers(), 1);
  // From now on there is nobody, and the next agents find it as it is.
  h.refuse_connects = true;
  h.RestartAgent();
  h.Run(minutes(5));
  EXPECT_EQ(h.runtime.running_containers(), 1);
  h.runtime.Reboot();
  h.host.facts.boot_id = "boot-2";
  h.RestartAgent();
  h.Run(seconds(10));
  EXPECT_EQ(h.runtime.running_containers(), 1);
  Write("b.yaml", "b");
  h.loop->NoticeStaticPods();
  h.Run(seconds(60));
  EXPECT_EQ(h.runtime.running_containers(), 2);
  fs::remove_all(directory_);
  h.Run(minutes(3));
  EXPECT_EQ(h.runtime.running_containers(), 0);
  EXPECT_THAT(h.runtime.sandboxes(), IsEmpty());
}

}  // namespace
}  // namespace muster::agent
