#include "agent/tunnel/usage.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using ::testing::ElementsAre;

constexpr int64_t kSecond = 1'000'000'000;

ContainerStatus Container(const std::string& id, const std::string& uid, const std::string& name,
                          ContainerState state = ContainerState::kRunning) {
  ContainerStatus status;
  status.id = id;
  status.state = state;
  status.labels = {{"io.kubernetes.pod.uid", uid}, {"io.kubernetes.container.name", name}};
  return status;
}

ContainerStats Stats(const std::string& id, uint64_t cpu_ns, int64_t at_ns, uint64_t memory) {
  ContainerStats stats;
  stats.id = id;
  stats.cpu_usage_ns = cpu_ns;
  stats.cpu_at_ns = at_ns;
  stats.memory_working_set_bytes = memory;
  return stats;
}

TEST(ContainersUsage, IsARateByTheRuntimesOwnTimes) {
  const auto usage = ContainersUsage(
      {"u1", "u2"},
      {Container("a", "u2", "main"), Container("b", "u1", "main"), Container("c", "other", "main")},
      {Stats("a", 1'000, kSecond, 1), Stats("b", 0, 0, 1), Stats("c", 0, 0, 1)},
      {Stats("a", 1'000 + kSecond / 4, kSecond + kSecond / 2, 70), Stats("b", 0, kSecond, 80),
       Stats("c", 5, kSecond, 1)});
  EXPECT_THAT(usage, ElementsAre(ContainerAmount{"u1", "main", {0, 80}},
                                 ContainerAmount{"u2", "main", {kSecond / 2, 70}}));
}

TEST(ContainersUsage, WhatCannotBeKnownIsNotSet) {
  const auto usage = ContainersUsage(
      {"u"},
      {Container("new", "u", "1"), Container("gone", "u", "2"), Container("same", "u", "3"),
       Container("back", "u", "4"), Container("ended", "u", "5", ContainerState::kExited)},
      {Stats("gone", 1, 1, 1), Stats("same", 1, 7, 1), Stats("back", 9, 7, 1),
       Stats("ended", 1, 1, 1)},
      {Stats("new", 1, 9, 11), Stats("same", 2, 7, 13), Stats("back", 1, 8, 14),
       Stats("ended", 2, 2, 1)});
  EXPECT_THAT(usage, ElementsAre(ContainerAmount{"u", "1", {std::nullopt, 11}},
                                 ContainerAmount{"u", "2", {std::nullopt, std::nullopt}},
                                 ContainerAmount{"u", "3", {std::nullopt, 13}},
                                 ContainerAmount{"u", "4", {std::nullopt, 14}}));
}

TEST(HostUsage, IsKnownAsFarAsItWasSeen) {
  const MonoTime now{std::chrono::hours(1)};
  const HostSample first{now, 10 * kSecond, 5};
  const HostSample second{now + std::chrono::milliseconds(500), 11 * kSecond, 7};
  EXPECT_EQ(HostUsage(first, second), (UsageAmount{2 * kSecond, 7}));
  EXPECT_EQ(HostUsage(std::nullopt, second), (UsageAmount{std::nullopt, 7}));
  EXPECT_EQ(HostUsage(first, std::nullopt), UsageAmount{});
  EXPECT_EQ(HostUsage(first, HostSample{now, 11 * kSecond, 7}), (UsageAmount{std::nullopt, 7}));
}

TEST(CpuBusyNs, CountsAllButIdleAndWaiting) {
  constexpr uint64_t kTick = 10'000'000;
  EXPECT_EQ(CpuBusyNs("cpu  1 2 4 100 200 8 16 32 64 128\ncpu0 1 1 1 1\n", 100),
            (1 + 2 + 4 + 8 + 16 + 32) * kTick);
  EXPECT_EQ(CpuBusyNs("cpu  1 2 4 100\n", 100), 7 * kTick);
  for (const char* text : {"", "cpu", "cpu 1 2 3", "cpu0 1 2 3 4 5", "cpu a b c d e"}) {
    EXPECT_EQ(CpuBusyNs(text, 100), std::nullopt) << text;
  }
  EXPECT_EQ(CpuBusyNs("cpu  1 2 4 100\n", 0), std::nullopt);
}

}  // namespace
}  // namespace muster::agent
