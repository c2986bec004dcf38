#include "common/audit/chain.h"

#include <functional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::audit {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// A log of so many lines.
std::vector<std::string> Lines(int count) {
  std::vector<std::string> lines;
  Seal seal{0, "", NoHash()};
  for (int i = 1; i <= count; ++i) {
    seal = {seal.seq + 1, seal.hash, ""};
    lines.push_back(SealLine("{\"user\":\"u" + std::to_string(i) + "\"}", seal));
  }
  return lines;
}

ChainReader Read(const std::vector<std::string>& lines, bool last_ended = true) {
  ChainReader reader;
  reader.BeginFile("log");
  for (size_t i = 0; i < lines.size(); ++i) {
    reader.Line(lines[i], last_ended || i + 1 < lines.size());
  }
  reader.Finish();
  return reader;
}

TEST(Chain, ALineVouchesForItselfAndForTheOneBefore) {
  const std::vector<std::string> lines = Lines(3);
  EXPECT_THAT(lines[0], HasSubstr("{\"seq\":1,\"user\":\"u1\",\"prev\":\"0000"));
  const std::optional<Seal> first = ReadSeal(lines[0]), second = ReadSeal(lines[1]);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->seq, 1u);
  EXPECT_EQ(second->prev, first->hash);
  const ChainReader reader = Read(lines);
  EXPECT_FALSE(reader.broken());
  EXPECT_EQ(reader.lines(), 3u);
  EXPECT_EQ(reader.last()->seq, 3u);
  EXPECT_THAT(reader.notes(), IsEmpty());
}

TEST(Chain, EveryChangeOfAByteIsFound) {
  const std::vector<std::string> lines = Lines(3);
  // Every byte of the line in the middle, in another way.
  for (size_t at = 0; at < lines[1].size(); ++at) {
    std::vector<std::string> changed = lines;
    changed[1][at] = changed[1][at] == 'x' ? 'y' : 'x';
    const ChainReader reader = Read(changed);
    ASSERT_TRUE(reader.broken()) << "byte " << at << " of " << changed[1];
    EXPECT_EQ(*reader.broken(), "log:2: this line was changed after it was written");
  }
}

TEST(Chain, SaysWhichLineIsTheFirstBrokenOne) {
  struct Row {
    const char* what;
    std::function<void(std::vector<std::string>&)> change;
    const char* broken;
  };
  for (const Row& row : {
           Row{"taken out", [](auto& lines) { lines.erase(lines.begin() + 1); },
               "log:2: line 2 of the log should be here, and this is 3: lines are missing, or were "
               "put in"},
           Row{"doubled", [](auto& lines) { lines.insert(lines.begin() + 1, lines[0]); },
               "log:2: line 2 of the log should be here, and this is 1: lines are missing, or were "
               "put in"},
           Row{"put in another order", [](auto& lines) { std::swap(lines[1], lines[2]); },
               "log:2: line 2 of the log should be here, and this is 3: lines are missing, or were "
               "put in"},
           Row{"made anew without those after it",
               [](auto& lines) {
                 Seal seal{2, ReadSeal(lines[0])->hash, ""};
                 lines[1] = SealLine("{\"user\":\"somebody else\"}", seal);
               },
               "log:3: the line before is not the one that was there when this one was written"},
           Row{"something else put in", [](auto& lines) { lines.insert(lines.begin() + 2, "{}"); },
               "log:3: this line was changed after it was written"},
       }) {
    std::vector<std::string> lines = Lines(4);
    row.change(lines);
    const ChainReader reader = Read(lines);
    ASSERT_TRUE(reader.broken()) << row.what;
    EXPECT_EQ(*reader.broken(), row.broken) << row.what;
  }
}

TEST(Chain, GoesOnAcrossFiles) {
  const std::vector<std::string> lines = Lines(4);
  ChainReader reader;
  reader.BeginFile("old");
  reader.Line(lines[0]);
  reader.Line(lines[1]);
  reader.BeginFile("new");
  reader.Line(lines[3]);
  reader.Finish();
  EXPECT_THAT(reader.broken().value_or(""), HasSubstr("new:1: line 3 of the log should be here"));
  // Files that were removed because there are too many are no break.
  ChainReader later;
  later.BeginFile("new");
  later.Line(lines[2]);
  later.Line(lines[3]);
  later.Finish();
  EXPECT_FALSE(later.broken());
  EXPECT_EQ(later.first()->seq, 3u);
}

TEST(Chain, ATornEndIsNoBreakAndIsRecoveredByTheNextStart) {
  std::vector<std::string> lines = Lines(3);
  for (size_t keep = 1; keep < lines[2].size(); ++keep) {
    std::vector<std::string> torn = lines;
    torn[2].resize(keep);
    const ChainReader reader = Read(torn, /*last_ended=*/false);
    ASSERT_FALSE(reader.broken()) << keep;
    EXPECT_EQ(reader.torn(), torn[2]);
    EXPECT_EQ(reader.last()->seq, 2u);
    EXPECT_THAT(reader.notes(), ElementsAre(HasSubstr("log:3: torn at the end of the log")));
    // The next start.
    Seal seal{3, reader.last()->hash, ""};
    torn.push_back(SealLine(RecoveryObject("now", reader.torn()), seal));
    const ChainReader after = Read(torn);
    ASSERT_FALSE(after.broken()) << *after.broken();
    EXPECT_THAT(after.notes(), ElementsAre("log:3: torn by a crash, and found so by line 4"));
    // What is torn cannot be changed after that either.
    torn[2] += "x";
    EXPECT_EQ(Read(torn).broken().value_or(""),
              "log:3: this line was changed after it was written");
  }
}

TEST(Chain, ATornLineInTheMiddleIsABreakUnlessTheNextOneKnowsIt) {
  std::vector<std::string> lines = Lines(3);
  lines[1].resize(20);
  EXPECT_EQ(Read(lines).broken().value_or(""), "log:2: this line was changed after it was written");
}

TEST(Chain, RequestsThatWereNotLoggedAreTold) {
  Seal seal{1, NoHash(), ""};
  const ChainReader reader = Read({SealLine("{\"kind\":\"lost\",\"notLogged\":7}", seal)});
  EXPECT_FALSE(reader.broken());
  EXPECT_THAT(reader.notes(), ElementsAre("log:1: 7 requests before it were not logged"));
}

TEST(Chain, TheFirstLineHasNoneBefore) {
  Seal seal{1, std::string(64, 'a'), ""};
  EXPECT_THAT(Read({SealLine("{}", seal)}).broken().value_or(""), HasSubstr("log:1: "));
}

}  // namespace
}  // namespace muster::audit
