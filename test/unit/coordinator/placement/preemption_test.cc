#include "coordinator/placement/preemption.h"

#include <chrono>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Optional;

PodFootprint Cpu(int64_t milli) {
  PodFootprint footprint;
  footprint.requests["cpu"] = model::Quantity::FromMilli(milli);
  return footprint;
}

class ChooseVictimsTest : public testing::Test {
 protected:
  ChooseVictimsTest() {
    allocatable_["cpu"].set_text("1");
    allocatable_["pods"].set_text("10");
  }
  void Add(const std::string& key, int32_t priority, int64_t milli, int age = 0,
           bool terminating = false) {
    there_.push_back({key, priority, WallTime(1h - age * 1s), terminating, Cpu(milli)});
    load_.Add(there_.back().footprint);
  }
  std::optional<std::vector<std::string>> For(int32_t priority, int64_t milli) {
    return ChooseVictims(Cpu(milli), priority, allocatable_, load_, there_);
  }

  model::ResourceMap allocatable_;
  std::vector<PodOnNode> there_;
  NodeLoad load_;
};

// Spec: 10.3/victims
TEST_F(ChooseVictimsTest, OnlyStrictlyLowerPrioritiesGiveWay) {
  Add("same", 5, 600);
  EXPECT_EQ(For(5, 600), std::nullopt);
  EXPECT_THAT(For(6, 600), Optional(ElementsAre("same")));
}

// Spec: 10.3/victims
TEST_F(ChooseVictimsTest, NobodyGoesWhenEvenThatWouldNotHelp) {
  Add("low", 0, 500);
  EXPECT_EQ(For(9, 1001), std::nullopt) << "more than the node has";
  Add("high", 9, 500);
  EXPECT_EQ(For(9, 600), std::nullopt) << "the one that stays takes too much";
}

// Spec: 10.3/victims
TEST_F(ChooseVictimsTest, TheHighestAreKeptFirstAndOfEqualOnesTheOlder) {
  Add("c", 1, 300);
  Add("b-old", 2, 300, 2);
  Add("b-new", 2, 300, 1);
  EXPECT_THAT(For(9, 300), Optional(ElementsAre("c")));
  EXPECT_THAT(For(9, 600), Optional(ElementsAre("b-new", "c")));
  EXPECT_THAT(For(9, 1000), Optional(ElementsAre("b-old", "b-new", "c")));
}

// Spec: 10.3/victims
TEST_F(ChooseVictimsTest, ASmallOneThatDoesNotHelpIsSpared) {
  Add("large", 1, 800);
  Add("small", 0, 100);
  EXPECT_THAT(For(9, 800), Optional(ElementsAre("large")));
}

// Spec: 10.3/nominated
TEST_F(ChooseVictimsTest, ForThoseWhoLeaveAnywayItIsEnoughToWait) {
  Add("leaving", 9, 800, 0, true);
  Add("low", 0, 200);
  EXPECT_THAT(For(5, 800), Optional(IsEmpty()));
  EXPECT_THAT(For(5, 900), Optional(ElementsAre("low")));
}

TEST_F(ChooseVictimsTest, HoldsOnRandomNodes) {
  for (uint64_t seed = 0; seed < 2'000; ++seed) {
    std::mt19937_64 dice(seed);
    const auto draw = [&](int most) { return static_cast<int>(dice() % (most + 1)); };
    there_.clear();
    load_ = NodeLoad();
    for (int i = draw(6); i > 0; --i) {
      Add("p" + std::to_string(i), draw(3), draw(5) * 100, draw(3), draw(4) == 0);
    }
    const int32_t priority = draw(4);
    const int64_t wanted = draw(12) * 100;
    const auto victims = For(priority, wanted);
    std::map<std::string, const PodOnNode*> by_key;
    NodeLoad left = load_, least = load_;
    for (const PodOnNode& pod : there_) {
      by_key[pod.key] = &pod;
      if (pod.terminating) left.Remove(pod.footprint);
      if (pod.terminating || pod.priority < priority) least.Remove(pod.footprint);
    }
    // Possible exactly when it is with all of them gone.
    EXPECT_EQ(victims.has_value(), Misfits(Cpu(wanted), allocatable_, least).empty()) << seed;
    if (!victims) continue;
    for (const std::string& victim : *victims) {
      EXPECT_LT(by_key.at(victim)->priority, priority) << seed;
      EXPECT_FALSE(by_key.at(victim)->terminating) << seed;
      left.Remove(by_key.at(victim)->footprint);
    }
    EXPECT_THAT(Misfits(Cpu(wanted), allocatable_, left), IsEmpty()) << seed;
    // None too many.
    for (const std::string& victim : *victims) {
      NodeLoad with = left;
      with.Add(by_key.at(victim)->footprint);
      EXPECT_FALSE(Misfits(Cpu(wanted), allocatable_, with).empty()) << seed << " " << victim;
    }
  }
}

}  // namespace
}  // namespace muster::coordinator
