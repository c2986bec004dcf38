#include "common/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

namespace muster {
namespace {

using ::testing::MatchesRegex;

TEST(NewUid, IsOfVersionFourWhateverTheBits) {
  for (const uint64_t bits : {uint64_t{0}, UINT64_MAX, uint64_t{0x123456789abcdef0}}) {
    EXPECT_THAT(
        NewUid([bits] { return bits; }),
        MatchesRegex("[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"));
  }
  EXPECT_EQ(NewUid([] { return uint64_t{0}; }), "00000000-0000-4000-8000-000000000000");
  EXPECT_EQ(NewUid([] { return UINT64_MAX; }), "ffffffff-ffff-4fff-bfff-ffffffffffff");
}

TEST(NewUid, DiffersEveryTime) {
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(seen.insert(NewUid(&SystemRandomBits)).second);
}

TEST(RandomText, IsOfTheAlphabetAndLength) {
  EXPECT_EQ(RandomText(&SystemRandomBits, "ab", 0), "");
  EXPECT_THAT(RandomText(&SystemRandomBits, "ab", 50), MatchesRegex("[ab]{50}"));
  uint64_t bits = 0;
  EXPECT_EQ(RandomText([&bits] { return bits++; }, "xyz", 7), "xyzxyzx");
}

TEST(RandomText, LeavesOutTheNumbersThatWouldFavourSomeCharacters) {
  // 2^64 - 1 divides by three: with the last number there would be one more for "x".
  const uint64_t numbers[] = {UINT64_MAX, 1};
  size_t next = 0;
  EXPECT_EQ(RandomText([&] { return numbers[next++]; }, "xyz", 1), "y");
}

TEST(RandomText, UsesAllCharacters) {
  std::map<char, int> counts;
  for (const char c : RandomText(&SystemRandomBits, "abcd", 4000)) ++counts[c];
  for (const char c : {'a', 'b', 'c', 'd'}) EXPECT_GT(counts[c], 500) << c;
}

}  // namespace
}  // namespace muster
