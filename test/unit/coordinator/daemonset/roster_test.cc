#include "coordinator/daemonset/roster.h"

#include <chrono>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr MonoTime kStart{1h};

NodeVerdict Creating() {
  NodeVerdict verdict;
  verdict.should_run = true;
  verdict.create = true;
  verdict.tally = {.desired = 1};
  verdict.role = RolloutRole::kUnavailable;
  return verdict;
}

NodeVerdict Settled() {
  NodeVerdict verdict;
  verdict.should_run = true;
  verdict.has_pods = true;
  verdict.tally = {.desired = 1, .current = 1, .ready = 1, .updated = 1, .available = 1};
  return verdict;
}

NodeVerdict Removing(const std::string& pod) {
  NodeVerdict verdict;
  verdict.has_pods = true;
  verdict.tally = {.misscheduled = 1};
  verdict.removals = {{pod, RemovalReason::kNotEligible}};
  return verdict;
}

TEST(Roster, SumsFollowEveryChangeOfANode) {
  Roster roster;
  EXPECT_TRUE(roster.Set("a", Creating()));
  EXPECT_TRUE(roster.Set("b", Creating()));
  EXPECT_THAT(roster.creating(), ElementsAre("a", "b"));
  EXPECT_THAT(roster.with_role(RolloutRole::kUnavailable), ElementsAre("a", "b"));
  EXPECT_EQ(roster.tally(), (Tally{.desired = 2}));
  EXPECT_TRUE(roster.Set("a", Settled()));
  EXPECT_THAT(roster.creating(), ElementsAre("b"));
  EXPECT_THAT(roster.with_role(RolloutRole::kUnavailable), ElementsAre("b"));
  EXPECT_EQ(roster.tally(),
            (Tally{.desired = 2, .current = 1, .ready = 1, .updated = 1, .available = 1}));
  EXPECT_TRUE(roster.Set("b", Removing("x")));
  EXPECT_THAT(roster.creating(), IsEmpty());
  EXPECT_THAT(roster.removing(), ElementsAre("b"));
  EXPECT_EQ(roster.tally().misscheduled, 1);
}

TEST(Roster, ANodeThatMeansNothingLeavesNoTrace) {
  Roster roster;
  EXPECT_FALSE(roster.Set("a", NodeVerdict()));
  roster.Set("a", Removing("x"));
  EXPECT_TRUE(roster.Set("a", NodeVerdict()));
  EXPECT_THAT(roster.verdicts(), IsEmpty());
  EXPECT_THAT(roster.removing(), IsEmpty());
  EXPECT_EQ(roster.tally(), Tally());
  EXPECT_EQ(roster.Find("a"), nullptr);
}

TEST(Roster, SaysWhetherAnythingButTheWakeTimeChanged) {
  Roster roster;
  roster.Set("a", Settled());
  EXPECT_FALSE(roster.Set("a", Settled()));
  NodeVerdict waking = Settled();
  waking.wake_at = kStart;
  EXPECT_FALSE(roster.Set("a", waking));
  EXPECT_EQ(roster.next_wake(), kStart);
  EXPECT_TRUE(roster.Set("a", Creating()));
  EXPECT_EQ(roster.next_wake(), std::nullopt);
}

TEST(Roster, DueNodesAreThoseWhoseTimeHasCome) {
  Roster roster;
  for (auto [name, after] : {std::pair{"b", 3s}, {"a", 1s}, {"c", 2s}}) {
    NodeVerdict verdict = Settled();
    verdict.wake_at = kStart + after;
    roster.Set(name, verdict);
  }
  EXPECT_EQ(roster.next_wake(), kStart + 1s);
  EXPECT_THAT(roster.Due(kStart), IsEmpty());
  EXPECT_THAT(roster.Due(kStart + 2s), ElementsAre("a", "c"));
}

TEST(Roster, SurvivesBeingMoved) {
  Roster roster;
  roster.Set("a-name-too-long-for-the-small-string-buffer", Creating());
  Roster moved = std::move(roster);
  moved.Set("a-name-too-long-for-the-small-string-buffer", Settled());
  EXPECT_THAT(moved.creating(), IsEmpty());
  moved.Clear();
  EXPECT_EQ(moved.tally(), Tally());
}

}  // namespace
}  // namespace muster::coordinator
