// pod-lifecycle.md, 17.2: values of control groups on their way to the kernel.
#include "agent/host/control_groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "common/base/text_file.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

LinuxResources Values() {
  LinuxResources values;
  values.cpu_shares = 512;
  values.cpu_quota_us = 50'000;
  values.cpu_period_us = 100'000;
  values.memory_limit_bytes = 64 << 20;
  values.hugepage_limit_bytes = {{"2MB", 0}};
  return values;
}

// Spec: pod/17.2/values
TEST(GroupFiles, EachVersionHasItsOwnNames) {
  EXPECT_THAT(GroupFiles(Values(), false),
              ElementsAre(GroupFile{"cpu", "cpu.shares", "512"},
                          GroupFile{"cpu", "cpu.cfs_period_us", "100000"},
                          GroupFile{"cpu", "cpu.cfs_quota_us", "50000"},
                          GroupFile{"memory", "memory.limit_in_bytes", "67108864"},
                          GroupFile{"hugetlb", "hugetlb.2MB.limit_in_bytes", "0"}));
  EXPECT_THAT(
      GroupFiles(Values(), true),
      ElementsAre(GroupFile{"cpu", "cpu.weight", "20"}, GroupFile{"cpu", "cpu.max", "50000 100000"},
                  GroupFile{"memory", "memory.max", "67108864"},
                  GroupFile{"hugetlb", "hugetlb.2MB.max", "0"}));
  EXPECT_THAT(GroupFiles(LinuxResources(), false), IsEmpty());
}

// Spec: pod/17.2/values
TEST(GroupFiles, WeightsAreThoseOfRunc) {
  for (const auto& [shares, weight] :
       {std::pair(2, "1"), {102, "4"}, {256, "10"}, {1024, "39"}, {262144, "10000"}}) {
    LinuxResources values;
    values.cpu_shares = shares;
    EXPECT_THAT(GroupFiles(values, true), ElementsAre(GroupFile{"cpu", "cpu.weight", weight}));
  }
}

TEST(PathOfGroup, SlicesAreInTheSlicesOfTheirNames) {
  EXPECT_EQ(PathOfGroup("/kubepods/podx"), "/kubepods/podx");
  EXPECT_EQ(PathOfGroup("/odd/name.slice"), "/odd/name.slice");
  EXPECT_EQ(PathOfGroup("kubepods.slice"), "/kubepods.slice");
  EXPECT_EQ(PathOfGroup("kubepods-burstable-podx_1.slice"),
            "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx_1.slice");
}

class ControlGroups : public ::testing::Test {
 protected:
  // As the kernel would: a new group has all its files at once.
  void Put(const std::string& path, const std::string& text) const {
    fs::create_directories(fs::path(root_ / path).parent_path());
    std::ofstream(root_ / path) << text << "\n";
  }
  std::string Get(const std::string& path) const {
    std::string text = ReadFile(root_ / path).value_or("none");
    while (text.ends_with('\n')) text.pop_back();
    return text;
  }

  const TempDir root_;
};

// Spec: pod/17.2/values
TEST_F(ControlGroups, OfVersion1AreInTheHierarchyOfTheirController) {
  Put("cpu,cpuacct/kubepods/podx/cpu.shares", "1024");
  Put("cpu,cpuacct/kubepods/podx/cpu.cfs_period_us", "100000");
  Put("cpu,cpuacct/kubepods/podx/cpu.cfs_quota_us", "-1");
  Put("memory/kubepods/podx/memory.limit_in_bytes", "9223372036854771712");
  const absl::Status written = WriteControlGroup(root_.path(), "/kubepods/podx", Values());
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(Get("cpu,cpuacct/kubepods/podx/cpu.shares"), "512");
  EXPECT_EQ(Get("cpu,cpuacct/kubepods/podx/cpu.cfs_quota_us"), "50000");
  EXPECT_EQ(Get("memory/kubepods/podx/memory.limit_in_bytes"), "67108864");
  EXPECT_FALSE(fs::exists(root_ / "hugetlb")) << "this kernel has none of it";
}

// Spec: pod/17.2/values
TEST_F(ControlGroups, OfVersion2GetTheirControllersFromAbove) {
  Put("cgroup.controllers", "cpuset cpu io memory pids");
  Put("cgroup.subtree_control", "memory");
  Put("kubepods/cgroup.controllers", "memory");
  Put("kubepods/cgroup.subtree_control", "");
  Put("kubepods/podx/memory.max", "max");
  const absl::Status written = WriteControlGroup(root_.path(), "/kubepods/podx", Values());
  ASSERT_TRUE(written.ok()) << written;
  EXPECT_EQ(Get("kubepods/podx/memory.max"), "67108864");
  // A plain file keeps what was written last; cpu was not on.
  EXPECT_EQ(Get("cgroup.subtree_control"), "+cpu");
  EXPECT_EQ(Get("kubepods/cgroup.subtree_control"), "+memory");
  EXPECT_FALSE(fs::exists(root_ / "kubepods/podx/cpu.max"));
}

TEST_F(ControlGroups, OneThatIsAsItShouldBeIsNotWritten) {
  Put("memory/podx/memory.limit_in_bytes", "67108864");
  const fs::path file = root_ / "memory/podx/memory.limit_in_bytes";
  fs::last_write_time(file, fs::file_time_type());
  ASSERT_TRUE(WriteControlGroup(root_.path(), "/podx", Values()).ok());
  EXPECT_EQ(fs::last_write_time(file), fs::file_time_type());
}

TEST_F(ControlGroups, ErrorNamesValueAndFile) {
  fs::create_directories(root_ / "memory/podx/memory.limit_in_bytes");
  const absl::Status written = WriteControlGroup(root_.path(), "/podx", Values());
  EXPECT_THAT(std::string(written.message()), HasSubstr("cannot write 67108864 to "));
  EXPECT_THAT(std::string(written.message()), HasSubstr("memory/podx/memory.limit_in_bytes"));
}

// Spec: pod/17.2/values
TEST_F(ControlGroups, WhatIsWiderAlreadyIsNotNarrowed) {
  Put("cpu/podx/cpu.cfs_quota_us", "-1");
  Put("memory/podx/memory.limit_in_bytes", "67108865");
  LinuxResources left = WithoutLowering(root_.path(), "/podx", Values());
  EXPECT_EQ(left.cpu_quota_us, 0);
  EXPECT_EQ(left.memory_limit_bytes, 0);
  EXPECT_EQ(left.cpu_shares, 512) << "nothing has to fit into shares";
  Put("cpu/podx/cpu.cfs_quota_us", "20000");
  Put("memory/podx/memory.limit_in_bytes", "67108864");
  left = WithoutLowering(root_.path(), "/podx", Values());
  EXPECT_EQ(left, Values());
  EXPECT_EQ(WithoutLowering(root_.path(), "/new", Values()), Values());

  Put("cgroup.controllers", "cpu memory");
  Put("podx/cpu.max", "max 100000");
  Put("podx/memory.max", "1048576");
  left = WithoutLowering(root_.path(), "/podx", Values());
  EXPECT_EQ(left.cpu_quota_us, 0);
  EXPECT_EQ(left.memory_limit_bytes, 64 << 20);
}

}  // namespace
}  // namespace muster::agent
