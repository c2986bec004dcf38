#include "agent/loop/worker.h"

#include <gtest/gtest.h>

#include <vector>

#include "absl/synchronization/notification.h"

namespace muster::agent {
namespace {

TEST(ThreadWorker, RunsTasksInOrder) {
  std::vector<int> order;
  absl::Notification done;
  ThreadWorker worker;
  for (int i = 0; i < 100; ++i) worker.Run([&order, i] { order.push_back(i); });
  worker.Run([&done] { done.Notify(); });
  done.WaitForNotification();
  ASSERT_EQ(order.size(), 100u);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(order[i], i);
}

TEST(ThreadWorker, EndLetsTheTaskUnderWayFinishAndDropsTheOthers) {
  absl::Notification begun, go_on;
  bool finished = false, other = false;
  std::thread releaser;
  {
    ThreadWorker worker;
    worker.Run([&] {
      begun.Notify();
      go_on.WaitForNotification();
      finished = true;
    });
    worker.Run([&] { other = true; });
    begun.WaitForNotification();
    releaser = std::thread([&] { go_on.Notify(); });
  }
  releaser.join();
  EXPECT_TRUE(finished);
  // Whether the second was taken before the end is a race; it must not run after it.
  (void)other;
}

}  // namespace
}  // namespace muster::agent
