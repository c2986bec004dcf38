#include "agent/loop/link_keeper.h"

#include <algorithm>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/fakes/fake_link.h"

namespace muster::agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// One agent whose coordinator is away, by the time of its tries.
class LinkKeeperTest : public ::testing::TestWithParam<uint64_t> {
 protected:
  // Tries until `end`; each is answered with a failure after `taking`. Returns when they began.
  std::vector<MonoTime> FailUntil(MonoTime end, Duration taking) {
    std::vector<MonoTime> tries;
    while (now_ < end) {
      const auto next = keeper_.Step(now_, [] { return LinkHello(); });
      if (link_.connects() > connects_) {
        connects_ = link_.connects();
        tries.push_back(now_);
        now_ += std::chrono::duration_cast<MonoTime::duration>(taking);
        link_.Break(absl::UnavailableError("away"));
        keeper_.OnDown(now_);
      } else {
        now_ = *next;
      }
    }
    return tries;
  }
  void ComeUp() {
    keeper_.Step(now_, [] { return LinkHello(); });
    connects_ = link_.connects();
    keeper_.OnWelcome({}, now_);
    ASSERT_TRUE(keeper_.up());
  }
  void GoDown() {
    link_.Break(absl::UnavailableError("stopped"));
    keeper_.OnDown(now_);
  }
  static Duration LongestGap(const std::vector<MonoTime>& tries, MonoTime from, MonoTime to) {
    Duration longest(0);
    MonoTime last = from;
    for (const MonoTime at : tries) {
      if (at < from || at > to) continue;
      longest = std::max<Duration>(longest, at - last);
      last = at;
    }
    return std::max<Duration>(longest, to - last);
  }

  MonoTime now_{std::chrono::hours(1)};
  FakeLink link_{[](const LinkEvent&) {}};
  LinkKeeper keeper_{link_, {.seed = GetParam()}};
  int connects_ = 0;
};

// A coordinator that is upgraded is away for a second or so, and nobody is to be without it for
// two. One that is restarted is back in ten seconds at most; nobody is to wait for longer than two
// then.
TEST_P(LinkKeeperTest, ARestartedCoordinatorIsFoundWithinTwoSeconds) {
  ComeUp();
  now_ += seconds(60);
  GoDown();
  const MonoTime began = now_;
  const auto tries = FailUntil(began + seconds(12), milliseconds(1));
  EXPECT_LE(LongestGap(tries, began, began + seconds(4)), milliseconds(502));
  EXPECT_LE(LongestGap(tries, began, began + seconds(10)), milliseconds(1'502));
  EXPECT_LE(tries.size(), 60u) << "nor is it asked all the time";
}

TEST_P(LinkKeeperTest, OneThatStaysAwayIsAskedEverMoreSeldom) {
  ComeUp();
  GoDown();
  const MonoTime began = now_;
  const auto tries = FailUntil(began + std::chrono::hours(1), milliseconds(1));
  const auto count = [&](Duration from, Duration to) {
    return std::ranges::count_if(
        tries, [&](MonoTime at) { return at >= began + from && at < began + to; });
  };
  EXPECT_LE(count(seconds(60), seconds(120)), 40);
  EXPECT_LE(count(seconds(1'800), seconds(3'600)), 1'800 / 15 * 2);
  EXPECT_LE(LongestGap(tries, began, now_), seconds(31));
}

// Five thousand that come at once are more than it can greet in time; when they all come again
// after a second, nobody ever is.
TEST_P(LinkKeeperTest, AnOverwhelmedCoordinatorIsGivenEverMoreTime) {
  ComeUp();
  GoDown();
  const MonoTime began = now_;
  const auto tries = FailUntil(began + seconds(300), seconds(5));
  Duration early(0), late(0);
  for (size_t i = 1; i < tries.size(); ++i) {
    const Duration wait = tries[i] - tries[i - 1] - seconds(5);
    EXPECT_LE(wait, seconds(30));
    (i <= 3 ? early : late) = std::max(i <= 3 ? early : late, wait);
  }
  EXPECT_GT(late, seconds(10));
  EXPECT_LE(early, seconds(8));
}

TEST_P(LinkKeeperTest, OnceItWasUpTheNextBreakBeginsAnew) {
  FailUntil(now_ + seconds(600), seconds(5));
  while (link_.connects() == connects_) now_ = *keeper_.Step(now_, [] { return LinkHello(); });
  keeper_.OnWelcome({}, now_);
  GoDown();
  connects_ = link_.connects();
  const MonoTime began = now_;
  const auto tries = FailUntil(began + seconds(1), milliseconds(1));
  ASSERT_FALSE(tries.empty());
  EXPECT_LE(tries.front() - began, milliseconds(500));
}

TEST_P(LinkKeeperTest, ANewCertificateIsUsedAtOnceAndIsNoFailure) {
  ComeUp();
  keeper_.Reopen(now_);
  EXPECT_FALSE(keeper_.up());  // What is reported now waits for the next session.
  EXPECT_TRUE(keeper_.reopening());
  GoDown();
  EXPECT_FALSE(keeper_.reopening());
  keeper_.Step(now_, [] { return LinkHello(); });
  EXPECT_EQ(link_.connects(), connects_ + 1);
  keeper_.OnWelcome({}, now_);
  EXPECT_TRUE(keeper_.up());
}

TEST_P(LinkKeeperTest, WhoWaitedForItsNextTryTriesWithANewCertificateAtOnce) {
  FailUntil(now_ + seconds(600), seconds(5));
  keeper_.Reopen(now_);
  EXPECT_FALSE(keeper_.reopening());
  keeper_.Step(now_, [] { return LinkHello(); });
  EXPECT_EQ(link_.connects(), connects_ + 1);
}

INSTANTIATE_TEST_SUITE_P(Seeds, LinkKeeperTest, ::testing::Range<uint64_t>(1, 30));

}  // namespace
}  // namespace muster::agent
