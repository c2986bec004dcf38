// pod-lifecycle.md, 20: in which order pods are stopped when the host goes down, and in what time.
#include "agent/hygiene/node_shutdown.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using ::testing::IsEmpty;

constexpr int32_t kCritical = 2'000'000'000;
const MonoTime kBegan{std::chrono::hours(1)};

using Told = std::vector<std::pair<std::string, int>>;

Told ToldIn(const ShutdownStep& step) {
  Told told;
  for (const auto& [uid, grace] : step.stop)
    told.emplace_back(uid, static_cast<int>(grace.count()));
  return told;
}

class NodeShutdownTest : public ::testing::Test {
 protected:
  ShutdownStep After(seconds time, const std::vector<ShutdownPod>& left) {
    return PlanShutdown(turns_, left, kBegan + time, progress_);
  }

  ShutdownTurns turns_ = SimpleShutdown(seconds(30), seconds(10));
  ShutdownProgress progress_{.turn = 0, .turn_began = kBegan};
};

TEST(ShutdownTurns, TheTwoPartFormIsATableOfTwo) {
  struct {
    int total, critical;
    ShutdownTurns turns;
  } const table[] = {
      {0, 0, {}},
      {30, 10, {{0, seconds(20)}, {kCritical, seconds(10)}}},
      {30, 0, {{0, seconds(30)}}},
      {30, 30, {{0, seconds(0)}, {kCritical, seconds(30)}}},
  };
  for (const auto& [total, critical, turns] : table) {
    EXPECT_EQ(SimpleShutdown(seconds(total), seconds(critical)), turns) << total << critical;
    EXPECT_EQ(TotalOf(turns), seconds(total));
  }
}

TEST(ShutdownTurns, OnlyWhatTheHostTookAlongComesBackByItself) {
  const auto status = [](const char* phase, const char* reason) {
    v1::PodStatus result;
    result.set_phase(phase);
    result.set_reason(reason);
    return result;
  };
  EXPECT_TRUE(EndedWithItsHost(status("Failed", "Terminated")));
  EXPECT_TRUE(EndedWithItsHost(status("Failed", "NodeShutdown")));
  EXPECT_FALSE(EndedWithItsHost(status("Failed", "Evicted")));
  EXPECT_FALSE(EndedWithItsHost(status("Running", "")));
}

TEST_F(NodeShutdownTest, EachPodGetsItsOwnGraceButNoMoreThanItsTurnHas) {
  const std::vector<ShutdownPod> pods = {
      {"quick", 0, seconds(5)}, {"slow", 0, seconds(600)}, {"system", kCritical, seconds(600)}};
  ShutdownStep step = After(seconds(0), pods);
  EXPECT_EQ(ToldIn(step), (Told{{"quick", 5}, {"slow", 20}}));
  EXPECT_EQ(step.wake_at, kBegan + seconds(20));
  EXPECT_FALSE(step.over);

  // Also when what went before is not stopped by then.
  step = After(seconds(20), pods);
  EXPECT_EQ(ToldIn(step), (Told{{"system", 10}}));
  EXPECT_EQ(step.wake_at, kBegan + seconds(30));
  EXPECT_FALSE(After(seconds(29), pods).over);
  EXPECT_TRUE(After(seconds(30), pods).over) << "whatever is left";
}

TEST_F(NodeShutdownTest, ATurnThatIsDoneEarlyLetsTheNextOneBegin) {
  EXPECT_FALSE(After(seconds(0), {{"a", 0, seconds(30)}, {"s", kCritical, seconds(30)}}).over);
  const ShutdownStep step = After(seconds(3), {{"s", kCritical, seconds(30)}});
  EXPECT_EQ(ToldIn(step), (Told{{"s", 10}}));
  EXPECT_EQ(step.wake_at, kBegan + seconds(13));
  EXPECT_TRUE(After(seconds(4), {}).over);
}

TEST_F(NodeShutdownTest, WithNothingToStopItIsOverAtOnce) {
  const ShutdownStep step = After(seconds(0), {});
  EXPECT_TRUE(step.over);
  EXPECT_THAT(step.stop, IsEmpty());
  turns_.clear();
  progress_ = {};
  EXPECT_TRUE(After(seconds(0), {{"a", 0, seconds(30)}}).over) << "when it is switched off";
}

TEST_F(NodeShutdownTest, PrioritiesHaveTheirTurnsTheLowestFirst) {
  turns_ = {{-10, seconds(5)}, {1'000, seconds(7)}, {kCritical, seconds(9)}};
  struct {
    int32_t priority;
    size_t turn;
  } const table[] = {{-11, 0},   {-10, 0},           {0, 0},         {999, 0},
                     {1'000, 1}, {kCritical - 1, 1}, {kCritical, 2}, {kCritical + 1'000, 2}};
  for (const auto& [priority, turn] : table) {
    progress_ = {.turn = 0, .turn_began = kBegan};
    const ShutdownStep step = After(seconds(0), {{"a", priority, seconds(60)}});
    EXPECT_EQ(progress_.turn, turn) << priority;
    EXPECT_EQ(ToldIn(step), (Told{{"a", static_cast<int>(turns_[turn].period.count())}}));
  }
}

TEST_F(NodeShutdownTest, RunsGoBeforeTheDaemonsOfTheirTurnAndHaveHalfOfItsTime) {
  const ShutdownPod daemon{"daemon", 0, seconds(60)};
  const ShutdownPod run{.uid = "run", .priority = 0, .grace = seconds(60), .is_run = true};
  ShutdownStep step = After(seconds(0), {daemon, run});
  EXPECT_EQ(ToldIn(step), (Told{{"run", 10}}));
  EXPECT_EQ(step.wake_at, kBegan + seconds(10));
  EXPECT_EQ(ToldIn(After(seconds(4), {daemon})), (Told{{"daemon", 16}})) << "the run is gone";
  EXPECT_EQ(ToldIn(After(seconds(10), {daemon, run})), (Told{{"daemon", 10}})) << "it is not";

  progress_ = {.turn = 0, .turn_began = kBegan};
  EXPECT_EQ(ToldIn(After(seconds(0), {run})), (Told{{"run", 20}})) << "nobody waits for it";
}

}  // namespace
}  // namespace muster::agent
