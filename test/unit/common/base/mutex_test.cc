#include "common/base/mutex.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

namespace muster {
namespace {

using namespace std::chrono_literals;

TEST(Mutex, LetsOneInAtATime) {
  Mutex mutex;
  int count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        MutexLock lock(&mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(count, 40'000);
}

TEST(Mutex, WakesWhoWaitsForWhatWasChanged) {
  Mutex mutex;
  int turn = 0;
  std::vector<int> order;
  std::vector<std::thread> threads;
  for (int t = 3; t >= 0; --t) {
    threads.emplace_back([&, t] {
      MutexLock lock(&mutex);
      mutex.Await([&] { return turn == t; });
      order.push_back(t);
      ++turn;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Mutex, WhoWaitsHimselfWakesOthersFirst) {
  Mutex mutex;
  bool ping = false, pong = false;
  std::thread other([&] {
    MutexLock lock(&mutex);
    mutex.Await([&] { return ping; });
    pong = true;
  });
  {
    MutexLock lock(&mutex);
    ping = true;
    mutex.Await([&] { return pong; });
  }
  other.join();
}

TEST(Mutex, WaitsNoLongerThanAllowed) {
  Mutex mutex;
  MutexLock lock(&mutex);
  EXPECT_FALSE(mutex.AwaitFor([] { return false; }, 1ms));
  EXPECT_TRUE(mutex.AwaitFor([] { return true; }, 0ms));
}

}  // namespace
}  // namespace muster
