#include "coordinator/rpc/connection_gate.h"

#include <random>
#include <set>
#include <string>

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
