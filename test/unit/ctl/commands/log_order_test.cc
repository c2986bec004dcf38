#include "ctl/commands/log_order.h"

#include <gmock/gmock.h>

namespace muster::ctl {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

LogLine Line(int second, const std::string& text) {
  LogLine line;
  line.at = absl::FromUnixSeconds(second);
  line.text = text;
  return line;
}

class LogOrderTest : public ::testing::Test {
 protected:
  // What may go now, as "LOG:TEXT".
  std::string Take(MonoTime now) {
    std::string all;
    while (auto next = order_.Take(now)) {
      all += std::to_string(next->first) + ":" + next->second.text + " ";
    }
    return all;
  }

  LogOrder order_{2, {.hold = 250ms, .begin = 2s}, kStart};
};

TEST_F(LogOrderTest, ALineGoesWhenEveryLogHasALaterOne) {
  order_.Add(0, Line(3, "c"), kStart);
  order_.Add(1, Line(1, "a"), kStart);
  order_.Add(1, Line(2, "b"), kStart);
  EXPECT_EQ(Take(kStart), "1:a 1:b ") << "and the other may still say an earlier one";
  order_.Add(1, Line(4, "d"), kStart);
  EXPECT_EQ(Take(kStart), "0:c ");
}

TEST_F(LogOrderTest, ALogThatSaysNothingIsWaitedForAMoment) {
  order_.Add(0, Line(1, "a"), kStart);
  EXPECT_EQ(order_.NextLook(), kStart + 2s) << "it has not begun";
  EXPECT_EQ(Take(kStart + 1999ms), "");
  EXPECT_EQ(Take(kStart + 2s), "0:a ");
  order_.Add(1, Line(1, "b"), kStart + 3s);
  EXPECT_EQ(Take(kStart + 3s), "");
  EXPECT_EQ(order_.NextLook(), kStart + 3s + 250ms);
  EXPECT_EQ(Take(kStart + 3s + 250ms), "1:b ");
  EXPECT_EQ(order_.NextLook(), std::nullopt);
}

TEST_F(LogOrderTest, ALogThatHasEndedIsNotWaitedFor) {
  order_.Add(0, Line(1, "a"), kStart);
  order_.End(1);
  EXPECT_EQ(Take(kStart), "0:a ");
  EXPECT_FALSE(order_.done());
  order_.Add(0, Line(0, "b"), kStart);
  order_.End(0);
  EXPECT_FALSE(order_.done());
  EXPECT_EQ(order_.waiting(0), 1u);
  EXPECT_EQ(Take(kStart), "0:b ");
  EXPECT_TRUE(order_.done());
}

}  // namespace
}  // namespace muster::ctl
