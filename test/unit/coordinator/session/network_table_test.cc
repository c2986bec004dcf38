#include "coordinator/session/network_table.h"

#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

v1::Object Service(const std::string& name, int port) {
  v1::Object object;
  object.mutable_service()->mutable_metadata()->set_namespace_("ns");
  object.mutable_service()->mutable_metadata()->set_name(name);
  object.mutable_service()->mutable_spec()->add_ports()->set_port(port);
  return object;
}

std::string Key(const std::string& name) { return absl::StrCat("services/ns/", name); }

// An agent's side: what it holds, by name, and as of which revision.
struct Agent {
  std::map<std::string, int> held;
  int64_t revision = 0;

  // Takes all parts; returns how many there were.
  int Hear(NetworkFeed& feed, const NetworkTable& table, size_t bytes_max = 1 << 20) {
    int parts = 0;
    while (const auto update = feed.Next(table, bytes_max)) {
      ++parts;
      if (update->full()) held.clear();
      if (update->only_present()) {
        const std::set<std::string> present(update->present().begin(), update->present().end());
        std::erase_if(held, [&](const auto& entry) { return !present.contains(Key(entry.first)); });
      }
      for (const std::string& key : update->removed()) held.erase(key.substr(Key("").size()));
      for (const auto& service : update->services()) {
        held[service.name()] = service.ports(0).port();
      }
      if (update->complete()) revision = update->revision();
      entries += update->services_size();
    }
    return parts;
  }
  int entries = 0;  // Told in all.
};

TEST(NetworkTable, OnlyWhatAgentsNeedChangesIt) {
  NetworkTable table;
  table.Begin({}, 10);
  EXPECT_TRUE(table.Set(Key("a"), Service("a", 1), 11));
  EXPECT_FALSE(table.Set(Key("a"), Service("a", 1), 12));
  EXPECT_EQ(table.revision(), 11);
  EXPECT_TRUE(table.Set(Key("a"), Service("a", 2), 13));
  EXPECT_FALSE(table.Remove(Key("b"), 14));
  EXPECT_EQ(table.revision(), 13);
  // A node counts once it has a subnet.
  v1::Object node;
  node.mutable_node()->mutable_metadata()->set_name("n1");
  EXPECT_FALSE(table.Set("nodes/n1", node, 15));
  node.mutable_node()->mutable_spec()->add_pod_cidrs("10.1.0.0/24");
  EXPECT_TRUE(table.Set("nodes/n1", node, 16));
  EXPECT_FALSE(table.Set("nodes/n1", node, 17));
  node.mutable_node()->mutable_spec()->clear_pod_cidrs();
  EXPECT_TRUE(table.Set("nodes/n1", node, 18));
  EXPECT_TRUE(NetworkTable::Wants("endpointslices/ns/x"));
  EXPECT_FALSE(NetworkTable::Wants("pods/ns/x"));
}

TEST(NetworkFeed, WhoDidNotAskIsToldNothing) {
  NetworkTable table;
  table.Begin({}, 1);
  NetworkFeed feed;
  EXPECT_FALSE(feed.due(5));
  EXPECT_FALSE(feed.Next(table, 1000));
}

TEST(NetworkFeed, AllAtFirstThenChanges) {
  NetworkTable table;
  network::v1::Ranges ranges;
  ranges.add_services("10.96.0.0/12");
  table.Begin(ranges, 10);
  table.Set(Key("a"), Service("a", 1), 3);
  table.Set(Key("b"), Service("b", 2), 7);
  NetworkFeed feed;
  feed.Begin(0);
  const auto first = feed.Next(table, 1 << 20);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->full());
  EXPECT_TRUE(first->complete());
  EXPECT_EQ(first->revision(), 10);
  EXPECT_THAT(first->ranges().services(), ElementsAre("10.96.0.0/12"));
  EXPECT_EQ(first->services_size(), 2);
  EXPECT_FALSE(feed.Next(table, 1 << 20));

  table.Set(Key("a"), Service("a", 5), 11);
  table.Remove(Key("b"), 12);
  const auto next = feed.Next(table, 1 << 20);
  ASSERT_TRUE(next);
  EXPECT_FALSE(next->full() || next->only_present() || next->has_ranges());
  ASSERT_EQ(next->services_size(), 1);
  EXPECT_EQ(next->services(0).version(), 11);
  EXPECT_THAT(next->removed(), ElementsAre(Key("b")));
  EXPECT_EQ(next->revision(), 12);
}

TEST(NetworkFeed, AnAgentThatComesBackIsToldTheDifference) {
  NetworkTable table;
  table.Begin({}, 10);
  for (int i = 0; i < 50; ++i)
    table.Set(Key(absl::StrCat("s", i)), Service(absl::StrCat("s", i), 1), 5);
  Agent agent;
  {
    NetworkFeed feed;
    feed.Begin(0);
    agent.Hear(feed, table);
  }
  agent.entries = 0;
  table.Remove(Key("s7"), 11);
  table.Set(Key("s8"), Service("s8", 9), 12);
  NetworkFeed feed;
  feed.Begin(agent.revision);
  agent.Hear(feed, table);
  EXPECT_EQ(agent.entries, 1);
  EXPECT_EQ(agent.held.size(), 49u);
  EXPECT_EQ(agent.held.at("s8"), 9);
  EXPECT_EQ(agent.revision, 12);
}

TEST(NetworkFeed, ACoordinatorThatStartedAnewSaysWhatThereIs) {
  NetworkTable before;
  before.Begin({}, 10);
  before.Set(Key("a"), Service("a", 1), 5);
  before.Set(Key("b"), Service("b", 1), 6);
  Agent agent;
  NetworkFeed feed;
  feed.Begin(0);
  agent.Hear(feed, before);
  agent.entries = 0;
  // b was deleted at 11, c was made at 12, and nobody remembers.
  NetworkTable table;
  table.Begin({}, 12);
  table.Set(Key("a"), Service("a", 1), 5);
  table.Set(Key("c"), Service("c", 3), 12);
  NetworkFeed again;
  again.Begin(agent.revision);
  agent.Hear(again, table);
  EXPECT_EQ(agent.held, (std::map<std::string, int>{{"a", 1}, {"c", 3}}));
  EXPECT_EQ(agent.entries, 1);
  // One that is up to date is told no names.
  NetworkFeed known;
  known.Begin(12);
  const auto update = known.Next(table, 1000);
  ASSERT_TRUE(update);
  EXPECT_THAT(update->present(), IsEmpty());
  EXPECT_FALSE(update->only_present());
}

TEST(NetworkFeed, AnotherStoreBeginsAnew) {
  NetworkTable table;
  table.Begin({}, 10);
  table.Set(Key("a"), Service("a", 1), 5);
  Agent agent{.held = {{"x", 1}}, .revision = 99};
  NetworkFeed feed;
  feed.Begin(agent.revision);
  agent.Hear(feed, table);
  EXPECT_EQ(agent.held, (std::map<std::string, int>{{"a", 1}}));
  EXPECT_EQ(agent.revision, 10);
}

TEST(NetworkFeed, MuchIsToldInParts) {
  NetworkTable table;
  table.Begin({}, 1000);
  for (int i = 0; i < 100; ++i) {
    table.Set(Key(absl::StrCat("s", i)), Service(absl::StrCat("s", i), 1), 100 + i / 10);
  }
  Agent agent;
  NetworkFeed feed;
  feed.Begin(0);
  EXPECT_GE(agent.Hear(feed, table, 300), 5);
  EXPECT_EQ(agent.held.size(), 100u);
  EXPECT_EQ(agent.entries, 100);
}

// Whatever happens, and whenever the agent listens: at the end it holds the table.
TEST(NetworkFeed, AnyHistory) {
  std::mt19937 dice(4);
  const auto roll = [&dice](int n) { return static_cast<int>(dice() % n); };
  std::map<std::string, int> truth;
  std::map<std::string, int64_t> versions;
  int64_t revision = 1;
  NetworkTable table;
  table.Begin({}, revision);
  Agent agent;
  NetworkFeed feed;
  feed.Begin(0);
  for (int step = 0; step < 3000; ++step) {
    const std::string name = absl::StrCat("s", roll(20));
    switch (roll(8)) {
      case 0:
        ++revision;
        truth.erase(name);
        table.Remove(Key(name), revision);
        break;
      case 1:  // A part, and then the stream breaks.
        feed = NetworkFeed();
        feed.Begin(agent.revision);
        if (const auto part = feed.Next(table, 1)) {
          feed = NetworkFeed();
          feed.Begin(agent.revision);
        }
        break;
      case 2: {
        agent.Hear(feed, table, static_cast<size_t>(roll(200)) + 1);
        ASSERT_EQ(agent.held, truth) << step;
        ASSERT_EQ(agent.revision, table.revision());
        break;
      }
      case 3: {  // The coordinator starts anew.
        table = NetworkTable();
        table.Begin({}, revision);
        for (const auto& [its, port] : truth)
          table.Set(Key(its), Service(its, port), versions[its]);
        if (roll(2) == 0) {
          feed = NetworkFeed();
          feed.Begin(agent.revision);
        }
        break;
      }
      default:
        ++revision;
        truth[name] = roll(1000) + 1;
        if (table.Set(Key(name), Service(name, truth[name]), revision)) versions[name] = revision;
    }
  }
}

}  // namespace
}  // namespace muster::coordinator
