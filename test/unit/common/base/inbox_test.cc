#include "common/base/inbox.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

namespace muster {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Inbox, KeepsTheOrderAndWakesOnceUntilEmptied) {
  int woken = 0;
  Inbox<int> inbox([&woken] { ++woken; });
  EXPECT_THAT(inbox.TakeAll(), IsEmpty());
  inbox.Post(1);
  inbox.Post(2);
  EXPECT_EQ(woken, 1);
  EXPECT_THAT(inbox.TakeAll(), ElementsAre(1, 2));
  EXPECT_THAT(inbox.TakeAll(), IsEmpty());
  inbox.Post(3);
  EXPECT_EQ(woken, 2);
  EXPECT_THAT(inbox.TakeAll(), ElementsAre(3));
}

TEST(Inbox, LosesNothingFromManyThreads) {
  std::atomic<int> woken{0};
  Inbox<int> inbox([&woken] { ++woken; });
  std::vector<std::thread> posters;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&inbox, t] {
      for (int i = 0; i < 1000; ++i) inbox.Post(t * 1000 + i);
    });
  }
  std::vector<int> last(4, -1);
  for (size_t taken = 0; taken < 4000;) {
    for (const int message : inbox.TakeAll()) {
      EXPECT_EQ(message % 1000, last[message / 1000] + 1);
      last[message / 1000] = message % 1000;
      ++taken;
    }
  }
  for (std::thread& poster : posters) poster.join();
  EXPECT_GE(woken, 1);
}

}  // namespace
}  // namespace muster
