#include "agent/volumes/tree_size.h"

#include <filesystem>
#include <fstream>
#include <string>

#include "gtest/gtest.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

namespace fs = std::filesystem;

TEST(MeasureTree, CountsWhatIsOnTheDiskEachFileOnce) {
  TempDir root;
  fs::create_directories(root / "a/b");
  std::ofstream(root / "a/b/file") << std::string(100'000, 'x');
  const TreeSize one = MeasureTree(root / "a");
  EXPECT_EQ(one.inodes, 3);
  EXPECT_GE(one.bytes, 100'000);
  EXPECT_LT(one.bytes, 200'000);
  fs::create_hard_link(root / "a/b/file", root / "a/again");
  EXPECT_EQ(MeasureTree(root / "a").bytes, one.bytes);
  // Neither holes nor what a link leads to take up room.
  std::ofstream(root / "a/hole");
  fs::resize_file(root / "a/hole", 1 << 30);
  fs::create_directory_symlink("/usr", root / "a/link");
  const TreeSize more = MeasureTree(root / "a");
  EXPECT_EQ(more.inodes, 5);
  EXPECT_LT(more.bytes, 200'000);
}

TEST(MeasureTree, WhatIsNotThereTakesNothing) { EXPECT_EQ(MeasureTree("/not/there"), TreeSize()); }

}  // namespace
}  // namespace muster::agent
