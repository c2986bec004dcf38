#include "coordinator/store/transaction.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace muster::coordinator {
namespace {

TEST(EndOfPrefix, IsTheFirstKeyBehindThePrefix) {
  EXPECT_EQ(EndOfPrefix("/pods/"), "/pods0");
  EXPECT_EQ(EndOfPrefix("a\xff"), "b");
  EXPECT_EQ(EndOfPrefix("a\xff\xff"), "b");
  EXPECT_EQ(EndOfPrefix("\x7f"), "\x80");
  EXPECT_EQ(EndOfPrefix(""), std::nullopt);
  EXPECT_EQ(EndOfPrefix("\xff\xff"), std::nullopt);
}

TEST(AutoCompaction, ComesInStepsOfAnEighthOfTheHistory) {
  EXPECT_EQ(AutoCompaction(/*current=*/100, /*compacted=*/0, /*history_revisions=*/80),
            std::optional<int64_t>(20));
  EXPECT_EQ(AutoCompaction(90, 0, 80), std::nullopt);
  EXPECT_EQ(AutoCompaction(91, 0, 80), std::optional<int64_t>(11));
  EXPECT_EQ(AutoCompaction(91, 11, 80), std::nullopt);
  EXPECT_EQ(AutoCompaction(1, 0, 0), std::optional<int64_t>(1));
}

TEST(CheckWatchStart, AllowsFromTheCompactedToTheCurrentRevision) {
  EXPECT_TRUE(absl::IsOutOfRange(CheckWatchStart(4, /*compacted=*/5, /*current=*/9)));
  EXPECT_TRUE(CheckWatchStart(5, 5, 9).ok());
  EXPECT_TRUE(CheckWatchStart(9, 5, 9).ok());
  EXPECT_TRUE(absl::IsOutOfRange(CheckWatchStart(10, 5, 9)));
}

}  // namespace
}  // namespace muster::coordinator
