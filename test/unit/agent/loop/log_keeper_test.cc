// pod-lifecycle.md, 18: when logs are rotated, and what a failure or a kill leaves behind.
#include "agent/loop/log_keeper.h"

#include <zlib.h>

#include <filesystem>
#include <fstream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/support/temp_dir.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kLimit = int64_t{10} << 20;

class LogKeeperTest : public ::testing::Test {
 protected:
  LogKeeperTest() {
    h.Settle();
    h.Welcome({PodObject("a", "u1")});
    h.Run(seconds(1));
    id = h.runtime.FindContainer("u1", "web");
    const auto status = h.runtime.containers();
    for (const ContainerStatus& each : status) {
      if (each.id == id) path = each.log_path;
    }
  }
  int Reopened() {
    int count = 0;
    for (const std::string& line : h.runtime.journal()) {
      if (line == "ReopenContainerLog " + id) ++count;
    }
    return count;
  }

  NodeHarness h;
  std::string id, path;
};

// Spec: pod/18/rotate
TEST_F(LogKeeperTest, LogAtItsSizeIsRotatedAndOpenedAnew) {
  ASSERT_FALSE(path.empty());
  h.logs.sizes[path] = kLimit - 1;
  h.Run(seconds(12));
  EXPECT_THAT(h.logs.rotated, IsEmpty());
  h.logs.sizes[path] = kLimit;
  h.Run(seconds(12));
  EXPECT_THAT(h.logs.rotated, ElementsAre(path));
  EXPECT_EQ(h.logs.files_max, 5);
  EXPECT_EQ(Reopened(), 1);
  EXPECT_THAT(h.logs.rotated_back, IsEmpty());
}

TEST_F(LogKeeperTest, SizesAreLookedAtEveryTenSeconds) {
  h.Run(seconds(20));
  const int before = h.logs.looks;
  h.Run(seconds(100));
  EXPECT_GE(h.logs.looks - before, 9);
  EXPECT_LE(h.logs.looks - before, 12);
}

TEST_F(LogKeeperTest, WhereNothingRunsNothingIsLookedAt) {
  h.Assign({}, {"pods/ns/a"});
  h.Run(seconds(60));
  ASSERT_EQ(h.runtime.running_containers(), 0);
  const int before = h.logs.looks;
  h.Run(seconds(100));
  EXPECT_EQ(h.logs.looks, before);
}

// Spec: pod/18/rotate
TEST_F(LogKeeperTest, LogThatCannotBeOpenedAnewGetsItsNameBack) {
  h.logs.sizes[path] = kLimit;
  h.runtime.FailNext(RuntimeCall::kReopenContainerLog, absl::UnknownError("no"));
  h.Run(seconds(12));
  EXPECT_THAT(h.logs.rotated_back, ElementsAre(path));
}

// Spec: pod/18/missing-log
TEST_F(LogKeeperTest, MissingLogOfARunningContainerIsOpenedAnew) {
  // As an agent leaves it that was killed after the renaming.
  h.logs.sizes[path] = absl::NotFoundError("no such file");
  h.Run(seconds(12));
  EXPECT_EQ(Reopened(), 1);
  EXPECT_THAT(h.logs.rotated, IsEmpty());
}

// Spec: pod/18/exited
TEST_F(LogKeeperTest, EndedContainersKeepTheirLogs) {
  h.runtime.ExitContainer(id, 1);
  h.runtime.FailNext(RuntimeCall::kRunSandbox, absl::UnknownError("no"), 100);
  h.logs.sizes[path] = kLimit;
  h.Run(seconds(60));
  EXPECT_THAT(h.logs.rotated, IsEmpty());
}

// Spec: pod/18/files
TEST(PodLogsRotation, FilesAreRemovedCompressedAndRenamed) {
  TempDir root;
  const std::string directory = root / "ns_pod_uid/main";
  fs::create_directories(directory);
  const std::string path = directory + "/0.log";
  LinuxPodLogs logs(root / "links");
  const LogLimits limits{.bytes_max = 1, .files_max = 3};
  const auto write = [&](const std::string& text) { std::ofstream(path) << text; };
  const auto names = [&] {
    std::set<std::string> all;
    for (const auto& entry : fs::directory_iterator(directory)) {
      all.insert(entry.path().filename().string());
    }
    return all;
  };
  const WallTime now{seconds(1767323045)};
  write("first");
  EXPECT_EQ(*logs.Size(path), 5);
  EXPECT_EQ(*logs.Rotate(path, limits, now), "0.log.20260102-030405");
  EXPECT_TRUE(absl::IsNotFound(logs.Size(path).status()));
  write("second");
  fs::permissions(path, fs::perms(0640));
  EXPECT_EQ(*logs.Rotate(path, limits, now + seconds(1)), "0.log.20260102-030406");
  EXPECT_THAT(names(), ElementsAre("0.log.20260102-030405.gz", "0.log.20260102-030406"));
  gzFile in = ::gzopen((directory + "/0.log.20260102-030405.gz").c_str(), "rb");
  char buffer[16];
  const int got = ::gzread(in, buffer, sizeof buffer);
  ::gzclose(in);
  EXPECT_EQ(std::string(buffer, static_cast<size_t>(std::max(got, 0))), "first");
  write("third");
  EXPECT_EQ(*logs.Rotate(path, limits, now + seconds(2)), "0.log.20260102-030407");
  EXPECT_THAT(names(), ElementsAre("0.log.20260102-030406.gz", "0.log.20260102-030407"));
  EXPECT_EQ(fs::status(directory + "/0.log.20260102-030406.gz").permissions(), fs::perms(0640));
  // The runtime did not open it anew.
  EXPECT_TRUE(logs.RotateBack(path, "0.log.20260102-030407").ok());
  EXPECT_EQ(*logs.Size(path), 5);
  // It did after all, and nothing of either is lost.
  EXPECT_EQ(*logs.Rotate(path, limits, now + seconds(3)), "0.log.20260102-030408");
  write("new");
  EXPECT_TRUE(logs.RotateBack(path, "0.log.20260102-030408").ok());
  EXPECT_EQ(*logs.Size(path), 3);
  EXPECT_TRUE(fs::exists(directory + "/0.log.20260102-030408"));
}

TEST(PodLogsRotation, SymbolicLinksOfAPodAreNotFollowed) {
  TempDir root;
  fs::create_directories(root / "elsewhere/main");
  std::ofstream(root / "elsewhere/main/0.log") << "x";
  fs::create_directory_symlink(root / "elsewhere", root / "ns_pod_uid");
  LinuxPodLogs logs(root / "links");
  EXPECT_FALSE(logs.Rotate(root / "ns_pod_uid/main/0.log", {}, WallTime()).ok());
  EXPECT_TRUE(fs::exists(root / "elsewhere/main/0.log"));
}

}  // namespace
}  // namespace muster::agent
