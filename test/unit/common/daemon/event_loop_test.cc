#include "common/daemon/event_loop.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <thread>
#include <vector>

namespace muster {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class EventLoopTest : public ::testing::Test {
 protected:
  void Quit() { loop_->Quit(); }

  std::unique_ptr<EventLoop> loop_ = EventLoop::Create().value();
  std::vector<int> order_;
};

TEST_F(EventLoopTest, CallsWhatWasPostedInOrderOnItsOwnThread) {
  const std::thread::id here = std::this_thread::get_id();
  std::thread poster([this, here] {
    for (int i = 0; i < 3; ++i) {
      loop_->Post([this, i, here] {
        EXPECT_EQ(std::this_thread::get_id(), here);
        order_.push_back(i);
      });
    }
    loop_->Quit();
  });
  EXPECT_TRUE(loop_->Run().ok());
  poster.join();
  EXPECT_THAT(order_, ElementsAre(0, 1, 2));
}

TEST_F(EventLoopTest, ATaskMayPostAnother) {
  loop_->Post([this] {
    order_.push_back(1);
    loop_->Post([this] {
      order_.push_back(2);
      Quit();
    });
  });
  EXPECT_TRUE(loop_->Run().ok());
  EXPECT_THAT(order_, ElementsAre(1, 2));
}

TEST_F(EventLoopTest, LosesNoPostOfManyThreads) {
  std::vector<std::thread> posters;
  int seen = 0;
  for (int t = 0; t < 4; ++t) {
    posters.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        loop_->Post([&] {
          if (++seen == 2000) Quit();
        });
      }
    });
  }
  EXPECT_TRUE(loop_->Run().ok());
  for (std::thread& poster : posters) poster.join();
  EXPECT_EQ(seen, 2000);
}

TEST_F(EventLoopTest, TimersComeInTheOrderOfTheirTimesAndNeverEarly) {
  const MonoTime start = std::chrono::steady_clock::now();
  const auto late = loop_->NewTimer([&] {
    EXPECT_GE(std::chrono::steady_clock::now(), start + 20ms);
    order_.push_back(2);
    Quit();
  });
  const auto early = loop_->NewTimer([&] {
    EXPECT_GE(std::chrono::steady_clock::now(), start + 5ms);
    order_.push_back(1);
  });
  late->Set(start + 20ms);
  early->Set(start + 5ms);
  EXPECT_TRUE(loop_->Run().ok());
  EXPECT_THAT(order_, ElementsAre(1, 2));
}

TEST_F(EventLoopTest, ATimerInThePastIsDueAtOnce) {
  const auto timer = loop_->NewTimer([this] { Quit(); });
  timer->Set(MonoTime{} - 1h);
  EXPECT_TRUE(loop_->Run().ok());
}

TEST_F(EventLoopTest, ATimerCallsOnceUnlessSetAgain) {
  std::unique_ptr<EventLoop::Timer> timer;
  timer = loop_->NewTimer([&] {
    order_.push_back(1);
    if (order_.size() < 3) timer->Set(std::chrono::steady_clock::now());
  });
  timer->Set(std::chrono::steady_clock::now());
  const auto end = loop_->NewTimer([this] { Quit(); });
  end->Set(std::chrono::steady_clock::now() + 20ms);
  EXPECT_TRUE(loop_->Run().ok());
  EXPECT_EQ(order_.size(), 3U);
}

TEST_F(EventLoopTest, ClearedAndDestroyedTimersAreSilent) {
  const MonoTime start = std::chrono::steady_clock::now();
  const auto cleared = loop_->NewTimer([] { FAIL() << "cleared"; });
  auto destroyed = loop_->NewTimer([] { FAIL() << "destroyed"; });
  const auto never_set = loop_->NewTimer([] { FAIL() << "never set"; });
  cleared->Set(start);
  destroyed->Set(start);
  cleared->Clear();
  destroyed.reset();
  const auto end = loop_->NewTimer([this] { Quit(); });
  end->Set(start + 10ms);
  EXPECT_TRUE(loop_->Run().ok());
}

TEST_F(EventLoopTest, ATimerMayDestroyItself) {
  std::unique_ptr<EventLoop::Timer> timer;
  timer = loop_->NewTimer([&] {
    timer.reset();
    Quit();
  });
  timer->Set(std::chrono::steady_clock::now());
  EXPECT_TRUE(loop_->Run().ok());
  EXPECT_EQ(timer, nullptr);
}

TEST_F(EventLoopTest, SignalsComeAsCalls) {
  BlockSignals({SIGUSR1, SIGUSR2});
  const auto one = loop_->OnSignal(SIGUSR1, [this] {
    order_.push_back(1);
    ::kill(::getpid(), SIGUSR2);
  });
  const auto two = loop_->OnSignal(SIGUSR2, [this] {
    order_.push_back(2);
    Quit();
  });
  ASSERT_TRUE(one.ok() && two.ok());
  ::kill(::getpid(), SIGUSR1);
  EXPECT_TRUE(loop_->Run().ok());
  EXPECT_THAT(order_, ElementsAre(1, 2));
}

TEST_F(EventLoopTest, ASignalThatIsNotBlockedIsRefused) {
  const auto source = loop_->OnSignal(SIGWINCH, [] {});
  EXPECT_FALSE(source.ok());
}

TEST_F(EventLoopTest, WatchesADescriptor) {
  int fds[2];
  ASSERT_EQ(::pipe(fds), 0);
  std::string got;
  auto source = loop_->OnReadable(fds[0], [&] {
    char c;
    ASSERT_EQ(::read(fds[0], &c, 1), 1);
    got.push_back(c);
    if (got.size() == 2) Quit();
  });
  ASSERT_TRUE(source.ok());
  ASSERT_EQ(::write(fds[1], "ab", 2), 2);
  EXPECT_TRUE(loop_->Run().ok());
  EXPECT_EQ(got, "ab");
  source->reset();
  ::close(fds[0]);
  ::close(fds[1]);
}

TEST_F(EventLoopTest, WithoutAWatchdogThereIsNothingToKeepQuiet) {
  ::unsetenv("WATCHDOG_USEC");
  EXPECT_TRUE(loop_->KeepWatchdogQuiet().ok());
}

}  // namespace
}  // namespace muster
