#include "coordinator/session/agent_events.h"

#include <chrono>
#include <string>
#include <vector>

#include "coordinator/store/memory/memory_store.h"
#include "coordinator/store/object_store.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

class AgentEventsTest : public ::testing::Test {
 protected:
  static v1::Event Event(const std::string& pod, const std::string& reason) {
    v1::Event event;
    event.mutable_involved_object()->set_kind("Pod");
    event.mutable_involved_object()->set_namespace_("ns");
    event.mutable_involved_object()->set_name(pod);
    event.set_reason(reason);
    event.set_message("it " + reason);
    event.set_type("Warning");
    return event;
  }
  std::vector<v1::Event> Stored() {
    std::vector<v1::Event> events;
    const ObjectList list = *objects_.List({v1::Object::kEvent, "ns"});
    for (const v1::Object& object : list.items) {
      events.push_back(object.event());
    }
    return events;
  }

  ManualClock clock_;
  MemoryStore store_;
  ObjectStore objects_{store_, clock_};
  AgentEvents events_{store_, clock_, {.remembered_max = 3}};
};

TEST_F(AgentEventsTest, AnEventBecomesAnObjectWithANameAndItsSource) {
  events_.Record("n1", Event("web", "Failed"));
  EXPECT_EQ(events_.Flush(), std::nullopt);
  const std::vector<v1::Event> stored = Stored();
  ASSERT_EQ(stored.size(), 1u);
  const v1::Event& event = stored[0];
  EXPECT_EQ(event.metadata().name().rfind("web.", 0), 0u);
  EXPECT_FALSE(event.metadata().uid().empty());
  EXPECT_EQ(event.source().host(), "n1");
  EXPECT_EQ(event.source().component(), "muster-agent");
  EXPECT_EQ(event.reason(), "Failed");
  EXPECT_EQ(event.message(), "it Failed");
  EXPECT_EQ(event.type(), "Warning");
  EXPECT_EQ(event.count(), 1);
  EXPECT_TRUE(event.has_first_timestamp());
}

TEST_F(AgentEventsTest, TheSameAgainRaisesTheCount) {
  events_.Record("n1", Event("web", "Failed"));
  events_.Flush();
  clock_.Advance(10min);
  events_.Record("n1", Event("web", "Failed"));
  events_.Record("n1", Event("web", "Failed"));
  events_.Flush();
  const std::vector<v1::Event> stored = Stored();
  ASSERT_EQ(stored.size(), 1u);
  EXPECT_EQ(stored[0].count(), 3);
  EXPECT_EQ(stored[0].last_timestamp().seconds() - stored[0].first_timestamp().seconds(), 600);
}

TEST_F(AgentEventsTest, AnotherPodReasonMessageOrNodeIsAnotherEvent) {
  events_.Record("n1", Event("web", "Failed"));
  events_.Record("n1", Event("web", "Pulled"));
  events_.Record("n1", Event("db", "Failed"));
  events_.Flush();
  EXPECT_EQ(Stored().size(), 3u);
  events_.Record("n2", Event("db", "Failed"));
  events_.Flush();
  EXPECT_EQ(Stored().size(), 4u);
}

TEST_F(AgentEventsTest, AfterAnHourOfSilenceItIsANewEvent) {
  events_.Record("n1", Event("web", "Failed"));
  events_.Flush();
  clock_.Advance(1h);
  events_.Record("n1", Event("web", "Failed"));
  events_.Flush();
  EXPECT_EQ(Stored().size(), 1u);
  clock_.Advance(1h + 1s);
  events_.Record("n1", Event("web", "Failed"));
  events_.Flush();
  EXPECT_EQ(Stored().size(), 2u);
}

TEST_F(AgentEventsTest, WhatWasNotUsedForLongestIsForgottenFirst) {
  for (const char* pod : {"a", "b", "c"}) events_.Record("n1", Event(pod, "Failed"));
  events_.Record("n1", Event("a", "Failed"));
  events_.Flush();
  events_.Record("n1", Event("d", "Failed"));  // Forgets b.
  events_.Record("n1", Event("a", "Failed"));
  events_.Record("n1", Event("b", "Failed"));
  events_.Flush();
  int b_events = 0, a_count = 0;
  for (const v1::Event& event : Stored()) {
    if (event.involved_object().name() == "b") ++b_events;
    if (event.involved_object().name() == "a") a_count = event.count();
  }
  EXPECT_EQ(b_events, 2);
  EXPECT_EQ(a_count, 3);
}

TEST_F(AgentEventsTest, ARefusedWriteIsTriedAgain) {
  store_.FailNextTransact(absl::ResourceExhaustedError("full"));
  events_.Record("n1", Event("web", "Failed"));
  EXPECT_EQ(events_.Flush(), clock_.Mono() + 1s);
  EXPECT_EQ(events_.Flush(), clock_.Mono() + 1s);
  EXPECT_TRUE(Stored().empty());
  clock_.Advance(1s);
  EXPECT_EQ(events_.Flush(), std::nullopt);
  EXPECT_EQ(Stored().size(), 1u);
}

TEST_F(AgentEventsTest, LongTextsAreCutBetweenCharacters) {
  v1::Event event = Event("web", "Failed");
  std::string message(1'023, 'x');
  message += "\xc3\xa4\xc3\xa4";
  event.set_message(message);
  events_.Record("n1", event);
  events_.Flush();
  EXPECT_EQ(Stored()[0].message(), std::string(1'023, 'x'));
}

}  // namespace
}  // namespace muster::coordinator
