#include "coordinator/daemonset/failure_backoff.h"

#include <chrono>

#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr MonoTime kStart{1h};

TEST(FailureBackoff, TheFirstFailureIsAnsweredAtOnce) {
  FailureBackoff backoff;
  EXPECT_EQ(backoff.WaitsUntil("a", kStart), std::nullopt);
  backoff.Advance("a", kStart);
  EXPECT_EQ(backoff.WaitsUntil("a", kStart), kStart + 1s);
  EXPECT_EQ(backoff.WaitsUntil("a", kStart + 999ms), kStart + 1s);
  EXPECT_EQ(backoff.WaitsUntil("a", kStart + 1s), std::nullopt);
  EXPECT_EQ(backoff.WaitsUntil("b", kStart), std::nullopt);
}

// Spec: 3.2/failed-in-backoff
TEST(FailureBackoff, DoublesUpToFifteenMinutesFromTheLastDeletion) {
  FailureBackoff backoff;
  MonoTime now = kStart;
  for (auto wait : {1s, 2s, 4s, 8s, 16s, 32s, 64s, 128s, 256s, 512s, 900s, 900s}) {
    backoff.Advance("a", now);
    EXPECT_EQ(backoff.WaitsUntil("a", now), now + wait);
    now += wait;
  }
}

TEST(FailureBackoff, ForgetsAfterThirtyMinutesWithoutFailure) {
  for (auto [quiet, wait] : {std::pair{1800s, 4s}, {1801s, 1s}}) {
    FailureBackoff backoff;
    backoff.Advance("a", kStart);
    backoff.Advance("a", kStart);
    backoff.Advance("a", kStart + quiet);
    EXPECT_EQ(backoff.WaitsUntil("a", kStart + quiet), kStart + quiet + wait) << quiet.count();
  }
}

TEST(FailureBackoff, ASpecChangeStartsAfresh) {
  FailureBackoff backoff;
  backoff.SetGeneration(1);
  backoff.Advance("a", kStart);
  backoff.SetGeneration(1);
  EXPECT_NE(backoff.WaitsUntil("a", kStart), std::nullopt);
  backoff.SetGeneration(2);
  EXPECT_EQ(backoff.WaitsUntil("a", kStart), std::nullopt);
}

TEST(FailureBackoff, ExpireKeepsOnlyWhatStillMatters) {
  FailureBackoff backoff;
  backoff.Advance("old", kStart);
  backoff.Advance("new", kStart + 20min);
  backoff.Expire(kStart + 31min);
  EXPECT_EQ(backoff.size(), 1u);
  EXPECT_EQ(backoff.WaitsUntil("new", kStart + 20min), kStart + 20min + 1s);
}

}  // namespace
}  // namespace muster::coordinator
