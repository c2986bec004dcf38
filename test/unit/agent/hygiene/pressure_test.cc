// pod-lifecycle.md, 19: signals, thresholds, conditions and their times.
#include "agent/hygiene/pressure.h"

#include <chrono>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr int64_t kMi = 1 << 20;
const MonoTime kBoot{};

std::vector<std::string> Short(const PressureMonitor& monitor) {
  std::vector<std::string> names;
  for (const Shortage& shortage : monitor.shortages()) {
    names.emplace_back(SignalName(shortage.threshold.signal));
  }
  return names;
}

// Spec: pod/19/memory, pod/19/nodefs, pod/19/imagefs, pod/19/pids
TEST(Threshold, DefaultsAreKubelets) {
  struct {
    Signal signal;
    int64_t capacity, amount;
  } const table[] = {
      {Signal::kMemoryAvailable, 8'000 * kMi, 100 * kMi},
      {Signal::kNodeFsAvailable, 1'000 * kMi, 100 * kMi},
      {Signal::kNodeFsInodesFree, 1'000, 50},
      {Signal::kImageFsAvailable, 1'000 * kMi, 150 * kMi},
      {Signal::kImageFsInodesFree, 1'000, 50},
  };
  const std::vector<Threshold> defaults = DefaultThresholds();
  ASSERT_EQ(defaults.size(), std::size(table)) << "none for process ids";
  for (size_t i = 0; i < defaults.size(); ++i) {
    EXPECT_EQ(defaults[i].signal, table[i].signal);
    EXPECT_EQ(defaults[i].AmountOf(table[i].capacity), table[i].amount) << i;
    EXPECT_EQ(defaults[i].grace, Duration::zero());
  }
}

TEST(Threshold, IsAnAmountOrAPercentage) {
  EXPECT_EQ(ParseThreshold(Signal::kMemoryAvailable, "1Gi")->AmountOf(1), 1'024 * kMi);
  EXPECT_EQ(ParseThreshold(Signal::kNodeFsAvailable, "2.5%")->AmountOf(1'000), 25);
  for (const char* wrong : {"", "x", "-1Mi", "0", "0%", "100%", "-5%", "%", "10 %x"}) {
    EXPECT_FALSE(ParseThreshold(Signal::kNodeFsAvailable, wrong).ok()) << wrong;
  }
}

// Spec: pod/19/memory, pod/19/nodefs, pod/19/imagefs, pod/19/pids
TEST(Signal, NamesAndConditionsAreKubernetes) {
  struct {
    const char *name, *condition;
  } const table[] = {
      {"memory.available", "MemoryPressure"}, {"nodefs.available", "DiskPressure"},
      {"nodefs.inodesFree", "DiskPressure"},  {"imagefs.available", "DiskPressure"},
      {"imagefs.inodesFree", "DiskPressure"}, {"pid.available", "PIDPressure"},
  };
  for (const auto& [name, condition] : table) {
    const std::optional<Signal> signal = SignalOf(name);
    ASSERT_TRUE(signal.has_value()) << name;
    EXPECT_EQ(SignalName(*signal), name);
    EXPECT_EQ(ConditionOf(*signal), condition);
    EXPECT_EQ(IsDisk(*signal), std::string_view(condition) == "DiskPressure");
  }
  EXPECT_FALSE(SignalOf("memory.free").has_value());
}

TEST(PressureMonitor, SignalIsMetBelowItsThresholdNotAtIt) {
  PressureMonitor monitor({});
  monitor.Observe({{Signal::kMemoryAvailable, {8'000 * kMi, 100 * kMi}}}, kBoot);
  EXPECT_THAT(monitor.Conditions(), IsEmpty());
  EXPECT_THAT(Short(monitor), IsEmpty());
  monitor.Observe({{Signal::kMemoryAvailable, {8'000 * kMi, 100 * kMi - 1}}}, kBoot + seconds(10));
  EXPECT_THAT(monitor.Conditions(), ElementsAre("MemoryPressure"));
  EXPECT_THAT(Short(monitor), ElementsAre("memory.available"));
}

// Spec: pod/19/condition-stays
TEST(PressureMonitor, ConditionStaysFiveMinutesButNobodyGoesForIt) {
  PressureMonitor monitor({});
  const Readings low{{Signal::kNodeFsAvailable, {1'000, 99}}};
  const Readings fine{{Signal::kNodeFsAvailable, {1'000, 500}}};
  monitor.Observe(low, kBoot);
  monitor.Observe(fine, kBoot + seconds(10));
  EXPECT_THAT(Short(monitor), IsEmpty());
  EXPECT_THAT(monitor.Conditions(), ElementsAre("DiskPressure"));
  EXPECT_EQ(monitor.NextChange(), kBoot + minutes(5));
  monitor.Observe(fine, kBoot + seconds(299));
  EXPECT_THAT(monitor.Conditions(), ElementsAre("DiskPressure"));
  monitor.Observe(fine, kBoot + seconds(300));
  EXPECT_THAT(monitor.Conditions(), IsEmpty());
  EXPECT_EQ(monitor.NextChange(), std::nullopt);
}

// Spec: pod/19/soft
TEST(PressureMonitor, SoftThresholdShowsAtOnceAndActsAfterItsGrace) {
  EvictionLimits limits;
  limits.thresholds = {
      {.signal = Signal::kMemoryAvailable, .amount = 200 * kMi, .grace = seconds(90)}};
  PressureMonitor monitor(limits);
  const Readings low{{Signal::kMemoryAvailable, {8'000 * kMi, 150 * kMi}}};
  monitor.Observe(low, kBoot);
  EXPECT_THAT(monitor.Conditions(), ElementsAre("MemoryPressure"));
  EXPECT_THAT(Short(monitor), IsEmpty());
  EXPECT_EQ(monitor.NextChange(), kBoot + seconds(90));
  monitor.Observe(low, kBoot + seconds(89));
  EXPECT_THAT(Short(monitor), IsEmpty());
  monitor.Observe(low, kBoot + seconds(90));
  EXPECT_THAT(Short(monitor), ElementsAre("memory.available"));
  // A moment of relief, and its time begins anew.
  monitor.Observe({{Signal::kMemoryAvailable, {8'000 * kMi, 300 * kMi}}}, kBoot + seconds(100));
  monitor.Observe(low, kBoot + seconds(110));
  EXPECT_THAT(Short(monitor), IsEmpty());
}

// Kubernetes: evictionMinimumReclaim.
TEST(PressureMonitor, WhatIsReclaimedForIsShortUntilThereIsMore) {
  EvictionLimits limits;
  limits.thresholds = {{.signal = Signal::kMemoryAvailable, .amount = 100},
                       {.signal = Signal::kNodeFsAvailable, .percent = 10}};
  limits.reclaim[Signal::kMemoryAvailable] = {.signal = Signal::kMemoryAvailable, .amount = 50};
  PressureMonitor monitor(limits);
  const auto read = [&](int64_t memory, int64_t disk, MonoTime at) {
    monitor.Observe(
        {{Signal::kMemoryAvailable, {1'000, memory}}, {Signal::kNodeFsAvailable, {1'000, disk}}},
        at);
    return Short(monitor);
  };
  // It changes nothing about when it begins.
  EXPECT_THAT(read(100, 100, kBoot), IsEmpty());
  EXPECT_THAT(read(99, 99, kBoot + seconds(10)),
              ElementsAre("memory.available", "nodefs.available"));
  // The disk has no such amount: the threshold is enough.
  EXPECT_THAT(read(100, 100, kBoot + seconds(20)), ElementsAre("memory.available"));
  EXPECT_THAT(read(149, 500, kBoot + seconds(30)), ElementsAre("memory.available"));
  EXPECT_THAT(read(150, 500, kBoot + seconds(40)), IsEmpty());
  // And is over then.
  EXPECT_THAT(read(100, 500, kBoot + seconds(50)), IsEmpty());
}

TEST(PressureMonitor, MinimumReclaimHoldsForASoftThresholdOnlyAfterItsGrace) {
  EvictionLimits limits;
  limits.thresholds = {
      {.signal = Signal::kMemoryAvailable, .amount = 100, .grace = std::chrono::seconds(60)}};
  limits.reclaim[Signal::kMemoryAvailable] = {.signal = Signal::kMemoryAvailable, .percent = 10};
  PressureMonitor monitor(limits);
  const auto read = [&](int64_t memory, MonoTime at) {
    monitor.Observe({{Signal::kMemoryAvailable, {1'000, memory}}}, at);
    return Short(monitor);
  };
  EXPECT_THAT(read(99, kBoot), IsEmpty());
  EXPECT_THAT(read(101, kBoot + seconds(10)), IsEmpty());
  // Nothing was reclaimed, so its time begins anew.
  EXPECT_THAT(read(99, kBoot + seconds(20)), IsEmpty());
  EXPECT_THAT(read(99, kBoot + seconds(79)), IsEmpty());
  EXPECT_THAT(read(99, kBoot + seconds(80)), ElementsAre("memory.available"));
  EXPECT_THAT(read(199, kBoot + seconds(90)), ElementsAre("memory.available"));
  EXPECT_THAT(read(200, kBoot + seconds(100)), IsEmpty());
}

TEST(PressureMonitor, MemoryIsActedOnFirst) {
  EvictionLimits limits;
  limits.thresholds.push_back({.signal = Signal::kPidAvailable, .amount = 1'000});
  PressureMonitor monitor(limits);
  monitor.Observe({{Signal::kPidAvailable, {32'768, 10}},
                   {Signal::kImageFsAvailable, {1'000, 10}},
                   {Signal::kNodeFsInodesFree, {1'000, 10}},
                   {Signal::kMemoryAvailable, {8'000 * kMi, 10}}},
                  kBoot);
  EXPECT_THAT(Short(monitor), ElementsAre("memory.available", "nodefs.inodesFree",
                                          "imagefs.available", "pid.available"));
  EXPECT_THAT(monitor.Conditions(), ElementsAre("DiskPressure", "MemoryPressure", "PIDPressure"));
}

TEST(PressureMonitor, WhatCannotBeReadIsNoPressureAndNoRelief) {
  PressureMonitor monitor({});
  monitor.Observe({}, kBoot);
  monitor.Observe({{Signal::kNodeFsInodesFree, {0, 0}}}, kBoot);
  EXPECT_THAT(monitor.Conditions(), IsEmpty()) << "some filesystems have no such limit";
  monitor.Observe({{Signal::kNodeFsAvailable, {1'000, 10}}}, kBoot);
  monitor.Observe({}, kBoot + seconds(10));
  EXPECT_THAT(monitor.Conditions(), ElementsAre("DiskPressure"));
  EXPECT_THAT(Short(monitor), IsEmpty());
}

}  // namespace
}  // namespace muster::agent
