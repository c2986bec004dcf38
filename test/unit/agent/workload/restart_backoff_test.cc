#include "agent/workload/restart_backoff.h"

#include <gtest/gtest.h>

#include <vector>

namespace muster::agent {
namespace {

using std::chrono::seconds;

constexpr MonoTime kBoot{std::chrono::hours(1)};

// Kubernetes: a container that dies at once starts at 0, 0, 10, 30, 70, 150, 310, 610, 910 s.
// Spec: pod/1/restart-backoff, pod/6/curve
TEST(RestartBackoff, ContainerThatDiesAtOnceIsStartedEverMoreSeldom) {
  RestartBackoff backoff;
  MonoTime exited = kBoot;
  std::vector<int64_t> starts{0};
  for (int i = 0; i < 8; ++i) {
    const MonoTime start = backoff.HeldUntil(exited, exited).value_or(exited);
    backoff.OnStart(exited, start);
    starts.push_back(std::chrono::duration_cast<seconds>(start - kBoot).count());
    exited = start;
  }
  EXPECT_EQ(starts, (std::vector<int64_t>{0, 0, 10, 30, 70, 150, 310, 610, 910}));
}

// Spec: pod/6/from-the-exit
TEST(RestartBackoff, WaitIsCountedFromTheExit) {
  RestartBackoff backoff;
  backoff.OnStart(kBoot, kBoot);
  const MonoTime exit = kBoot + seconds(4);
  EXPECT_EQ(backoff.HeldUntil(exit, exit), exit + seconds(10));
  EXPECT_EQ(backoff.HeldUntil(exit, exit + seconds(9)), exit + seconds(10));
  EXPECT_EQ(backoff.HeldUntil(exit, exit + seconds(10)), std::nullopt);
}

// Spec: pod/6/reset
TEST(RestartBackoff, OnlyAnExitMoreThanSteadyAfterTheLastStartCountsAsFirst) {
  for (const auto& [run, held] : {std::pair{599, true}, {600, true}, {601, false}}) {
    RestartBackoff backoff;
    backoff.OnStart(kBoot, kBoot);
    const MonoTime exit = kBoot + seconds(run);
    EXPECT_EQ(backoff.HeldUntil(exit, exit).has_value(), held) << run;
    backoff.OnStart(exit, exit);
    EXPECT_EQ(backoff.wait(), seconds(held ? 20 : 10)) << run;
  }
}

// Spec: pod/1/pull-backoff
TEST(ImageBackoff, DoublesWithEachFailureUpToTheCeiling) {
  ImageBackoff backoff;
  EXPECT_EQ(backoff.HeldUntil(kBoot), std::nullopt);
  MonoTime now = kBoot;
  for (const int wait : {10, 20, 40, 80, 160, 300, 300}) {
    backoff.OnFailure(now);
    EXPECT_EQ(backoff.HeldUntil(now), now + seconds(wait));
    now += seconds(wait);
    EXPECT_EQ(backoff.HeldUntil(now), std::nullopt);
  }
}

TEST(ImageBackoff, StartsOverAfterALongCalm) {
  ImageBackoff backoff;
  backoff.OnFailure(kBoot);
  backoff.OnFailure(kBoot + seconds(10));
  backoff.OnFailure(kBoot + seconds(611));
  EXPECT_EQ(backoff.wait(), seconds(10));
}

TEST(RetryWait, DoublesAndStartsOverAfterSuccess) {
  RetryWait wait(std::chrono::milliseconds(500), std::chrono::milliseconds(1500));
  EXPECT_EQ(wait.OnFailure().count(), 500);
  EXPECT_EQ(wait.OnFailure().count(), 1000);
  EXPECT_EQ(wait.OnFailure().count(), 1500);
  EXPECT_EQ(wait.OnFailure().count(), 1500);
  wait.OnSuccess();
  EXPECT_EQ(wait.OnFailure().count(), 500);
}

}  // namespace
}  // namespace muster::agent
