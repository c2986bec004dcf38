#include "agent/loop/worker.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

namespace muster::agent {
namespace {

TEST(ThreadWorker, RunsTasksInOrder) {
  std::vector<int> order;
  std::promise<void> done;
  ThreadWorker worker;
  for (int i = 0; i < 100; ++i) worker.Run([&order, i] { order.push_back(i); });
  worker.Run([&done] { done.set_value(); });
  done.get_future().wait();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(ThreadWorker, EndLetsTheTaskUnderWayFinish) {
  std::promise<void> begun, go_on;
  bool finished = false;
  std::thread releaser;
  {
    ThreadWorker worker;
    worker.Run([&] {
      begun.set_value();
      go_on.get_future().wait();
      finished = true;
    });
    begun.get_future().wait();
    releaser = std::thread([&] { go_on.set_value(); });
  }
  EXPECT_TRUE(finished);
  releaser.join();
}

}  // namespace
}  // namespace muster::agent
