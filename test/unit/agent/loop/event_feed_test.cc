// pod-lifecycle.md, 1 and 5: the runtime's event stream, where it has one.
#include "agent/loop/event_feed.h"

#include <algorithm>
#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/loop/node_harness.h"

namespace muster::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;

class EventFeedTest : public ::testing::Test {
 protected:
  // A pod that runs, the stream (if there is one) settled, and nothing more to do.
  void Begin(bool has_events) {
    h.runtime.set_has_events(has_events);
    h.RestartAgent();
    h.Settle();
    h.Welcome({PodObject("a", "uid-a")});
    h.Run(seconds(5));
    ASSERT_EQ(h.Status("uid-a").phase(), "Running");
    h.runtime.ClearJournal();
  }
  int Lists() const {
    return static_cast<int>(std::ranges::count(h.runtime.journal(), "ListContainers"));
  }
  std::string Web() const { return h.runtime.FindContainer("uid-a", "web"); }

  NodeHarness h;
};

TEST_F(EventFeedTest, EndIsSeenAtOnceByItsEvent) {
  Begin(true);
  const std::string before = Web();
  ASSERT_TRUE(h.runtime.ExitContainer(before, 3));
  h.Settle();
  EXPECT_NE(Web(), before) << "the first restart comes without a wait";
  EXPECT_EQ(h.Status("uid-a").container_statuses(0).restart_count(), 1);
}

TEST_F(EventFeedTest, WithoutEventsItIsSeenByLooking) {
  Begin(false);
  const std::string before = Web();
  ASSERT_TRUE(h.runtime.ExitContainer(before, 3));
  h.Settle();
  EXPECT_EQ(Web(), before);
  h.Run(seconds(1));
  EXPECT_NE(Web(), before);
}

TEST_F(EventFeedTest, WhileThereAreEventsItLooksEveryTenSecondsOnly) {
  Begin(true);
  h.Run(minutes(1));
  EXPECT_GE(Lists(), 5);
  EXPECT_LE(Lists(), 7);
  EXPECT_TRUE(h.loop->Report().runtime.events);
}

TEST_F(EventFeedTest, LostEventIsMadeUpForByTheNextLook) {
  Begin(true);
  const std::string before = Web();
  ASSERT_TRUE(h.runtime.ExitContainer(before, 3));
  h.runtime.LoseEvents();
  h.Settle();
  EXPECT_EQ(Web(), before);
  h.Run(seconds(10));
  EXPECT_NE(Web(), before);
}

TEST_F(EventFeedTest, ManyEventsAreOneLook) {
  Begin(true);
  // Three things happen before anybody looks.
  const std::string id = Web();
  h.runtime.KillSandbox(h.runtime.containers().front().sandbox_id);
  ASSERT_TRUE(h.runtime.ExitContainer(id, 3));
  h.runtime.Hold(RuntimeCall::kListContainers);
  h.Settle();
  h.runtime.Release(RuntimeCall::kListContainers);
  EXPECT_EQ(Lists(), 0);
  h.runtime.RunPending();
  EXPECT_EQ(Lists(), 1);
}

TEST_F(EventFeedTest, RuntimeWithoutEventsIsAskedOnceAndAgainWhenItWasAway) {
  Begin(false);
  EXPECT_EQ(h.runtime.event_streams_opened(), 1);
  h.Run(minutes(10));
  EXPECT_EQ(h.runtime.event_streams_opened(), 1);
  // It comes back as another version.
  h.runtime.set_available(false);
  h.Run(seconds(5));
  h.runtime.set_has_events(true);
  h.runtime.set_available(true);
  h.Run(seconds(10));
  EXPECT_EQ(h.runtime.event_streams_opened(), 2);
  EXPECT_TRUE(h.loop->Report().runtime.events);
}

TEST_F(EventFeedTest, StreamThatBreaksIsOpenedAgainAndTheGapLookedInto) {
  Begin(true);
  ASSERT_EQ(h.runtime.event_streams_opened(), 1);
  const std::string before = Web();
  ASSERT_TRUE(h.runtime.ExitContainer(before, 3));
  h.runtime.LoseEvents();
  h.runtime.BreakEvents(absl::InternalError("stream terminated by RST_STREAM"));
  h.Settle();
  EXPECT_NE(Web(), before) << "what was not told is seen by looking, at once";
  EXPECT_FALSE(h.loop->Report().runtime.events);
  h.Run(seconds(5));
  EXPECT_EQ(h.runtime.event_streams_opened(), 2);
  EXPECT_TRUE(h.loop->Report().runtime.events);
}

TEST_F(EventFeedTest, AfterFiveBreaksInARowItDoesWithout) {
  Begin(true);
  for (int i = 0; i < 5; ++i) {
    h.runtime.BreakEvents(absl::InternalError("broken"));
    h.Run(seconds(31));
    EXPECT_EQ(h.runtime.event_streams_opened(), 2 + i);
  }
  h.runtime.BreakEvents(absl::InternalError("broken"));
  h.runtime.ClearJournal();
  h.Run(minutes(10));
  EXPECT_EQ(h.runtime.event_streams_opened(), 6);
  EXPECT_GE(Lists(), 590) << "every second again";
}

TEST_F(EventFeedTest, OneThatHeldForAMinuteHasRecovered) {
  Begin(true);
  for (int i = 0; i < 10; ++i) {
    h.runtime.BreakEvents(absl::InternalError("broken"));
    h.Run(seconds(100));
    EXPECT_EQ(h.runtime.event_streams_opened(), 2 + i);
  }
}

}  // namespace
}  // namespace muster::agent
