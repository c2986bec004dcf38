#include "agent/loop/pod_logs.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

class PodLogsTest : public testing::Test {
 protected:
  PodLogsTest() {
    std::string pattern = fs::temp_directory_path() / "muster-logs-XXXXXX";
    root_ = ::mkdtemp(pattern.data());
    pod_ = root_ / "pods" / "ns_web_u1";
  }
  ~PodLogsTest() override { fs::remove_all(root_); }
  void Write(const std::string& name, const std::string& text = "") const {
    std::ofstream(pod_ / "web" / name) << text;
  }

  fs::path root_, pod_;
};

// Spec: pod/12/links, pod/18/containers
TEST_F(PodLogsTest, LinkLeadsToTheLogAndGoesWithIt) {
  LinuxPodLogs logs((root_ / "links").string());
  ASSERT_TRUE(logs.MakeDirectory(pod_, "web").ok());
  Write("0.log", "x");
  Write("1.log", "y");
  Write("0.log.20260101-000000.gz", "z");
  const std::string path = pod_ / "web" / "0.log";
  ASSERT_TRUE(logs.Link("web_ns_web-c0.log", path).ok());
  EXPECT_EQ(fs::read_symlink(root_ / "links" / "web_ns_web-c0.log"), path);
  ASSERT_TRUE(logs.RemoveInstance(pod_, "web", 0).ok());
  EXPECT_FALSE(fs::exists(fs::symlink_status(root_ / "links" / "web_ns_web-c0.log")));
  EXPECT_FALSE(fs::exists(path));
  EXPECT_FALSE(fs::exists(pod_ / "web" / "0.log.20260101-000000.gz"));
  EXPECT_TRUE(fs::exists(pod_ / "web" / "1.log"));
  EXPECT_EQ(logs.RestartsFromLogs(pod_, "web"), 2u);
  ASSERT_TRUE(logs.RemovePod(pod_).ok());
  EXPECT_FALSE(fs::exists(pod_));
  EXPECT_TRUE(logs.RemovePod(pod_).ok());
}

// Spec: pod/4.5/link
TEST_F(PodLogsTest, MissingLogGetsNoLink) {
  LinuxPodLogs logs((root_ / "links").string());
  EXPECT_TRUE(logs.Link("a.log", pod_ / "web" / "0.log").ok());
  EXPECT_FALSE(fs::exists(fs::symlink_status(root_ / "links" / "a.log")));
}

// Spec: pod/4.5/count
TEST_F(PodLogsTest, NumberOfRestartsIsReadFromTheFiles) {
  LinuxPodLogs logs((root_ / "links").string());
  EXPECT_EQ(logs.RestartsFromLogs(pod_, "web"), 0u);
  ASSERT_TRUE(logs.MakeDirectory(pod_, "web").ok());
  EXPECT_EQ(logs.RestartsFromLogs(pod_, "web"), 0u);
  Write("9.log");
  Write("10.log.20260101-000000");
  Write("notes.txt");
  EXPECT_EQ(logs.RestartsFromLogs(pod_, "web"), 11u);
}

// Spec: pod/11.4/from-logs
TEST_F(PodLogsTest, TailJoinsPartsAndDropsTimes) {
  LinuxPodLogs logs((root_ / "links").string());
  ASSERT_TRUE(logs.MakeDirectory(pod_, "web").ok());
  Write("0.log",
        "2026-01-01T00:00:00Z stdout F one\n2026-01-01T00:00:01Z stderr P tw\n"
        "2026-01-01T00:00:01Z stderr F o\n");
  EXPECT_EQ(logs.Tail(pod_ / "web" / "0.log"), "one\ntwo\n");
  std::string many;
  for (int i = 0; i < 2000; ++i) many += "t stdout F line " + std::to_string(i) + "\n";
  Write("1.log", many);
  const std::string tail = logs.Tail(pod_ / "web" / "1.log");
  EXPECT_LE(tail.size(), 2048u);
  EXPECT_EQ(std::count(tail.begin(), tail.end(), '\n'), 80);
  EXPECT_TRUE(tail.ends_with("line 1999\n"));
  EXPECT_EQ(logs.Tail("/nonexistent"), "");
}

}  // namespace
}  // namespace muster::agent
