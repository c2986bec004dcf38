#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/simulation/planted.h"
#include "test/simulation/world.h"

namespace muster::simulation {
namespace {

TEST(Simulation, TheSameSeedGivesTheSameRun) {
  const Settings settings{.seed = 7, .nodes = 2, .hours = 0.3};
  const Outcome first = Simulate(settings);
  const Outcome second = Simulate(settings);
  EXPECT_THAT(first.violations, testing::IsEmpty());
  EXPECT_EQ(first.digest, second.digest);
  EXPECT_EQ(first.steps, second.steps);
  EXPECT_EQ(first.counts, second.counts);
  EXPECT_GT(first.counts.at("commit"), 0);
  EXPECT_GT(first.counts.at("fault"), 0);
}

TEST(Simulation, AnotherSeedGivesAnotherRun) {
  EXPECT_NE(Simulate({.seed = 8, .nodes = 2, .hours = 0.01, .faults = "none"}).digest,
            Simulate({.seed = 9, .nodes = 2, .hours = 0.01, .faults = "none"}).digest);
}

// The checks are worth what they find.
class PlantedBugTest : public testing::TestWithParam<PlantedBug> {};

TEST_P(PlantedBugTest, IsCaughtInOneOfThreeRunsOfTwoDays) {
  for (const uint64_t seed : {1, 2, 3}) {
    const Outcome outcome = Simulate({.seed = seed,
                                      .nodes = 3,
                                      .hours = 48,
                                      .faults = "break-stream,kill-agent",
                                      .planted = GetParam().name});
    if (!outcome.violations.empty()) return;
  }
  FAIL() << "nobody noticed that " << GetParam().what;
}

INSTANTIATE_TEST_SUITE_P(All, PlantedBugTest, testing::ValuesIn(PlantedBugs()),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::erase(name, '-');
                           return name;
                         });

}  // namespace
}  // namespace muster::simulation
