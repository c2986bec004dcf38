// pod-lifecycle.md, 18: rotation of container logs.
#include "agent/hygiene/log_rotation.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// 2026-01-02 03:04:05 UTC
const WallTime kNow{std::chrono::seconds(1767323045)};

RotationPlan Plan(const std::vector<std::string>& names, int files_max = 5) {
  return PlanRotation("0.log", names, {.files_max = files_max}, kNow);
}

TEST(LogRotation, FirstRotationOnlyRenames) {
  const RotationPlan plan = Plan({"0.log"});
  EXPECT_THAT(plan.remove, IsEmpty());
  EXPECT_THAT(plan.compress, IsEmpty());
  EXPECT_EQ(plan.rotated, "0.log.20260102-030405");
}

// Spec: pod/18/files
TEST(LogRotation, NewestRotatedFileStaysReadableUntilTheNextRotation) {
  EXPECT_THAT(Plan({"0.log", "0.log.20260101-000000"}).compress,
              ElementsAre("0.log.20260101-000000"));
}

// Spec: pod/18/files
TEST(LogRotation, OldestGoUntilTwoPlacesAreFree) {
  const std::vector<std::string> names = {"0.log", "0.log.20260101-000003",
                                          "0.log.20260101-000001.gz", "0.log.20260101-000002.gz",
                                          "0.log.20260101-000000.gz"};
  struct {
    int files_max;
    std::vector<std::string> removed;
  } const table[] = {
      {6, {}},
      {5, {"0.log.20260101-000000.gz"}},
      {4, {"0.log.20260101-000000.gz", "0.log.20260101-000001.gz"}},
      {2,
       {"0.log.20260101-000000.gz", "0.log.20260101-000001.gz", "0.log.20260101-000002.gz",
        "0.log.20260101-000003"}},
  };
  for (const auto& [files_max, removed] : table) {
    EXPECT_EQ(Plan(names, files_max).remove, removed) << files_max;
  }
  EXPECT_THAT(Plan(names, 2).compress, IsEmpty()) << "what goes is not compressed first";
}

// Spec: pod/18/files
TEST(LogRotation, WhatAnInterruptedCompressionLeftIsRemoved) {
  const RotationPlan plan = Plan({"0.log", "0.log.20260101-000000", "0.log.20260101-000000.gz",
                                  "0.log.20260101-000001", "0.log.20260101-000001.tmp"});
  EXPECT_THAT(plan.remove, ElementsAre("0.log.20260101-000000", "0.log.20260101-000001.tmp"));
  EXPECT_THAT(plan.compress, ElementsAre("0.log.20260101-000001"));
}

TEST(LogRotation, LogsOfOtherInstancesAreLeftAlone) {
  const RotationPlan plan =
      Plan({"0.log", "10.log", "10.log.20260101-000000", "0.logs", "x", "0.log.1.tmp"}, 2);
  EXPECT_THAT(plan.remove, ElementsAre("0.log.1.tmp"));
  EXPECT_THAT(plan.compress, IsEmpty());
}

// Whoever reads them in the order of their names reads them in the order in which they were
// written. Spec: pod/18/files
TEST(LogRotation, TheNewestNameComesAfterAllOthersWhateverTheClockSays) {
  const struct {
    std::vector<std::string> names;
    std::string rotated;
  } table[] = {
      {{"0.log", "0.log.20260102-030404"}, "0.log.20260102-030405"},
      {{"0.log", "0.log.20260102-030405.gz"}, "0.log.20260102-030406"},
      {{"0.log", "0.log.20260102-030405", "0.log.20260102-030406"}, "0.log.20260102-030407"},
      // It was set back by a day, over a new year.
      {{"0.log", "0.log.20260102-235959", "0.log.20251231-000000.gz"}, "0.log.20260103-000000"},
      // Somebody else's file.
      {{"0.log", "0.log.old", "0.log.99999999-999999"}, "0.log.20260102-030405"},
      {{"0.log", "1.log.20270101-000000"}, "0.log.20260102-030405"},
  };
  for (const auto& [names, rotated] : table) EXPECT_EQ(Plan(names).rotated, rotated);
}

TEST(LogRotation, RotatedFilesAreListedOldestFirstEachOnce) {
  EXPECT_THAT(RotatedLogs("0.log", {"0.log", "0.log.20260102-000000", "0.log.20260101-000000",
                                    "0.log.20260101-000000.gz", "0.log.20260103-000000.tmp"}),
              ElementsAre("0.log.20260101-000000.gz", "0.log.20260102-000000"));
}

}  // namespace
}  // namespace muster::agent
