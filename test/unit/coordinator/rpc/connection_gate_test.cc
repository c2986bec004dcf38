#include "coordinator/rpc/connection_gate.h"

#include <algorithm>
#include <cstdio>
#include <deque>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using Id = ConnectionGate::Id;

class ConnectionGateTest : public ::testing::Test {
 protected:
  void Come(const std::string& address, int count = 1) {
    for (int i = 0; i < count; ++i) gate_.Came(++last_, address, now_);
  }
  ConnectionGate::Decision Decide() { return gate_.Decide(now_); }

  ConnectionGate gate_{{.unknown_max = 4,
                        .all_max = 12,
                        .identity_max = 2,
                        .patience = 3s,
                        .long_patience = 10s,
                        .unknown_wait_max = 30s}};
  MonoTime now_{1h};
  Id last_ = 0;
};

TEST_F(ConnectionGateTest, WhoComesIsLetInWhileThereIsRoom) {
  Come("a", 4);
  const auto decision = Decide();
  EXPECT_THAT(decision.let_in, ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(decision.cut, IsEmpty());
  EXPECT_EQ(decision.wake, now_ + 30s);
  EXPECT_FALSE(gate_.is_full());
}

TEST_F(ConnectionGateTest, AnotherAddressGetsInAtOnceHoweverManyTheFirstOneHas) {
  Come("loud", 10);
  EXPECT_THAT(Decide().let_in, SizeIs(4));
  EXPECT_TRUE(gate_.is_full());
  Come("quiet");
  const auto decision = Decide();
  EXPECT_THAT(decision.let_in, ElementsAre(11));
  EXPECT_THAT(decision.cut, ElementsAre(1)) << "the oldest of whoever has most";
}

TEST_F(ConnectionGateTest, OfOneAddressThoseThatTakeTheirTimeMakeRoom) {
  Come("a", 6);
  EXPECT_THAT(Decide().let_in, ElementsAre(1, 2, 3, 4));
  now_ += 3s - 1ns;
  auto decision = Decide();
  EXPECT_THAT(decision.let_in, IsEmpty());
  EXPECT_EQ(decision.wake, now_ + 1ns);
  now_ += 1ns;
  decision = Decide();
  EXPECT_THAT(decision.cut, ElementsAre(1, 2));
  EXPECT_THAT(decision.let_in, ElementsAre(5, 6));
}

TEST_F(ConnectionGateTest, EveryFourthOneHasMoreTime) {
  Come("a", 8);
  EXPECT_THAT(Decide().let_in, ElementsAre(1, 2, 3, 4));
  now_ += 3s;
  EXPECT_THAT(Decide().cut, ElementsAre(1, 2, 3));
  now_ += 3s;
  EXPECT_THAT(Decide().cut, ElementsAre(5));
  Come("a", 4);
  now_ += 3s;
  EXPECT_THAT(Decide().cut, ElementsAre(6, 7));
  now_ += 1s - 1ns;
  EXPECT_THAT(Decide().cut, IsEmpty());
  now_ += 1ns;
  EXPECT_THAT(Decide().cut, ElementsAre(4));
}

TEST_F(ConnectionGateTest, WhoIsKnownOrGoneMakesRoomToo) {
  Come("a", 6);
  Decide();
  gate_.Known(2, "node n1");
  EXPECT_THAT(Decide().let_in, ElementsAre(5));
  gate_.Gone(1);
  EXPECT_THAT(Decide().let_in, ElementsAre(6));
  // Whoever is known stays.
  now_ += 1h;
  const auto decision = Decide();
  EXPECT_THAT(decision.cut, ElementsAre(3, 4, 5, 6));
  EXPECT_EQ(decision.wake, std::nullopt);
  EXPECT_EQ(gate_.size(), 1u);
}

TEST_F(ConnectionGateTest, WhoDoesNotSayWhoItIsHasToGo) {
  Come("a");
  Decide();
  now_ += 30s - 1ns;
  EXPECT_THAT(Decide().cut, IsEmpty());
  now_ += 1ns;
  EXPECT_THAT(Decide().cut, ElementsAre(1));
}

TEST_F(ConnectionGateTest, AtTheLimitTheLastOfWhomMostWaitIsNotTaken) {
  Come("loud", 11);
  Come("quiet");
  EXPECT_THAT(Decide().let_in, ElementsAre(1, 12, 2, 3));
  Come("loud");
  Come("other");
  const auto decision = Decide();
  EXPECT_THAT(decision.close, ElementsAre(11, 13));
  EXPECT_THAT(decision.cut, ElementsAre(1));
  EXPECT_THAT(decision.let_in, ElementsAre(14));
  EXPECT_EQ(gate_.size(), 11u);
}

TEST_F(ConnectionGateTest, WithoutDescriptorsOneThatIsNotKnownHasToDo) {
  Come("a", 3);
  Decide();
  gate_.Known(1, "node n1");
  gate_.GiveOneUp();
  EXPECT_THAT(Decide().cut, ElementsAre(2));
  gate_.GiveOneUp();
  EXPECT_THAT(Decide().cut, ElementsAre(3));
  gate_.GiveOneUp();
  EXPECT_THAT(Decide().cut, IsEmpty());
}

TEST_F(ConnectionGateTest, AtTheLimitAndAllKnownTheNewOneIsClosed) {
  for (int i = 0; i < 12; ++i) {
    Come("a");
    Decide();
    gate_.Known(last_, "node " + std::to_string(i));
  }
  Come("b");
  EXPECT_THAT(Decide().close, ElementsAre(13));
  EXPECT_EQ(gate_.size(), 12u);
}

TEST_F(ConnectionGateTest, OneIdentityHasNoMoreThanItsShare) {
  Come("a", 3);
  Decide();
  gate_.Known(1, "node n1");
  gate_.Known(2, "node n1");
  EXPECT_THAT(Decide().cut, IsEmpty());
  gate_.Known(2, "node n1");  // It says so with every call.
  EXPECT_THAT(Decide().cut, IsEmpty());
  gate_.Known(3, "node n1");
  EXPECT_THAT(Decide().cut, ElementsAre(1));
}

constexpr Duration kHandshakeMax = 20s;  // As RpcServers has it.

// A coordinator that has one thread for handshakes, in two parts each, takes what comes in turn;
// who is cut off in between is back a second later. Returns when all are known, and how many were
// cut.
std::pair<Duration, int> AllReturn(int nodes, bool one_address, Duration handshake) {
  ConnectionGate gate({});
  const MonoTime start{1h};
  MonoTime now = start;
  Id last = 0;
  std::map<Id, int> node_of;
  std::map<Id, MonoTime> in_since;
  std::deque<std::pair<Id, bool>> queue;  // And whether it is the second part.
  std::multimap<MonoTime, int> back;      // Nodes that come again.
  for (int node = 0; node < nodes; ++node) back.emplace(now, node);
  int known = 0, cut = 0;
  while (known < nodes && now < start + 10min) {
    for (; !back.empty() && back.begin()->first <= now; back.erase(back.begin())) {
      const int node = back.begin()->second;
      node_of[++last] = node;
      gate.Came(last, one_address ? "nat" : std::to_string(node), now);
    }
    const ConnectionGate::Decision decision = gate.Decide(now);
    for (const Id id : decision.let_in) {
      queue.emplace_back(id, false);
      in_since[id] = now;
    }
    for (const Id id : decision.cut) {
      ++cut;
      back.emplace(now + 1s, node_of.at(id));
      node_of.erase(id);
    }
    EXPECT_THAT(decision.close, IsEmpty());
    while (!queue.empty() && !node_of.contains(queue.front().first)) queue.pop_front();
    if (queue.empty()) {
      MonoTime next = decision.wake.value_or(now + 1h);
      if (!back.empty()) next = std::min(next, back.begin()->first);
      now = std::max(next, now + 1ms);
      continue;
    }
    const auto [id, is_second] = queue.front();
    queue.pop_front();
    if (now - in_since.at(id) > kHandshakeMax) {
      gate.Gone(id);
      back.emplace(now + 1s, node_of.at(id));
      node_of.erase(id);
      continue;
    }
    now += is_second ? handshake * 2 / 5 : handshake * 3 / 5;
    if (!is_second) {
      queue.emplace_back(id, true);
    } else {
      gate.Known(id, "node " + std::to_string(node_of.at(id)));
      ++known;
    }
  }
  EXPECT_EQ(known, nodes) << handshake.count();
  return {now - start, cut};
}

// Also when a handshake takes so long that none of those that are let in is done before the next
// ones want its place: whoever is cut then has been worked for in vain.
TEST(ConnectionGate, AFleetReturnsHoweverSlowTheCoordinatorIs) {
  constexpr int kNodes = 5'000;
  for (const bool one_address : {true, false}) {
    for (const auto handshake : {1'000us, 2'300us, 4'000us, 8'000us, 12'000us, 20'000us}) {
      const auto [took, cut] = AllReturn(kNodes, one_address, handshake);
      const Duration least = handshake * kNodes;
      const auto seconds = [](Duration time) {
        return std::chrono::duration<double>(time).count();
      };
      std::printf("%d nodes of %s, %lld us each: back after %.1f s (%.1f s at least), %d cut\n",
                  kNodes, one_address ? "one address" : "as many addresses",
                  static_cast<long long>(handshake.count()), seconds(took), seconds(least), cut);
      EXPECT_LT(took, least * 3);
      if (handshake <= 4ms) {
        EXPECT_EQ(cut, 0);
      }
    }
  }
}

// Whatever happens, nobody is let in beyond the limit, twice, or after it was closed; and once all
// have gone nothing is left.
TEST(ConnectionGate, RandomWorlds) {
  for (uint32_t seed = 0; seed < 200; ++seed) {
    std::mt19937 dice(seed);
    ConnectionGate gate({.unknown_max = 5, .all_max = 20, .identity_max = 3});
    MonoTime now{1h};
    std::set<Id> waiting, unknown, known;
    Id last = 0;
    const auto any = [&](const std::set<Id>& ids) {
      return *std::next(ids.begin(), static_cast<int>(dice() % ids.size()));
    };
    for (int step = 0; step < 500; ++step) {
      switch (dice() % 6) {
        case 0:
        case 1:
          gate.Came(++last, "address " + std::to_string(dice() % 4), now);
          waiting.insert(last);
          break;
        case 2:
          if (unknown.empty()) break;
          {
            const Id id = any(unknown);
            gate.Known(id, "node " + std::to_string(dice() % 4));
            unknown.erase(id);
            known.insert(id);
          }
          break;
        case 3:
          for (std::set<Id>* ids : {&unknown, &known}) {
            if (ids->empty()) continue;
            const Id id = any(*ids);
            gate.Gone(id);
            ids->erase(id);
          }
          break;
        case 4:
          now += std::chrono::milliseconds(dice() % 2'000);
          break;
        default:
          gate.GiveOneUp();
      }
      const ConnectionGate::Decision decision = gate.Decide(now);
      for (const Id id : decision.close) ASSERT_EQ(waiting.erase(id), 1u) << seed;
      for (const Id id : decision.let_in) {
        ASSERT_EQ(waiting.erase(id), 1u) << seed;
        unknown.insert(id);
      }
      for (const Id id : decision.cut) ASSERT_EQ(unknown.erase(id) + known.erase(id), 1u) << seed;
      ASSERT_LE(unknown.size(), 5u) << seed;
      ASSERT_LE(gate.size(), 20u) << seed;
      ASSERT_EQ(gate.unknown(), unknown.size()) << seed;
      ASSERT_EQ(gate.waiting(), waiting.size()) << seed;
      ASSERT_EQ(gate.size(), waiting.size() + unknown.size() + known.size()) << seed;
    }
  }
}

}  // namespace
}  // namespace muster::coordinator
