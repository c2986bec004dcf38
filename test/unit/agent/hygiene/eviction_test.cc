// pod-lifecycle.md, 19: who goes, what they are told; 3: who is refused under pressure.
#include "agent/hygiene/eviction.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::agent {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr int64_t kKi = 1 << 10, kMi = 1 << 20;

struct Spec {
  std::string uid;
  int32_t priority = 0;
  std::string memory_request;
  std::optional<int64_t> memory = 0;
  int64_t disk = 0;
  int64_t pids = 1;
};

PodUsage Pod(const Spec& spec) {
  auto pod = std::make_shared<v1::Pod>();
  pod->mutable_metadata()->set_uid(spec.uid);
  pod->mutable_spec()->set_priority(spec.priority);
  v1::Container& container = *pod->mutable_spec()->add_containers();
  container.set_name("c");
  if (!spec.memory_request.empty()) {
    (*container.mutable_resources()->mutable_requests())["memory"].set_text(spec.memory_request);
  }
  return {.uid = spec.uid,
          .pod = std::move(pod),
          .containers = {{"c", {.memory = spec.memory, .writable_layer = spec.disk}}},
          .pids = spec.pids};
}

Shortage Of(Signal signal, int64_t amount = 100 * kMi, int64_t available = 5'000 * kKi,
            Duration grace = Duration::zero()) {
  return {{.signal = signal, .amount = amount, .grace = grace}, {8'000 * kMi, available}};
}

std::vector<std::string> Rank(const std::vector<PodUsage>& pods, Signal signal,
                              bool split_disks = false) {
  std::vector<std::string> uids;
  for (const PodUsage* pod : RankForEviction(pods, Of(signal), split_disks)) {
    uids.push_back(pod->uid);
  }
  return uids;
}

// Spec: pod/19/ranking
TEST(Ranking, MemoryGoesByExcessThenPriorityThenAmount) {
  EXPECT_THAT(Rank({Pod({.uid = "within", .memory_request = "100Mi", .memory = 90 * kMi}),
                    Pod({.uid = "above-high", .priority = 10, .memory = 500 * kMi}),
                    Pod({.uid = "above-small", .memory = 10 * kMi}),
                    Pod({.uid = "above-large", .memory_request = "10Mi", .memory = 30 * kMi}),
                    Pod({.uid = "within-high",
                         .priority = 5,
                         .memory_request = "10Mi",
                         .memory = 10 * kMi})},
                   Signal::kMemoryAvailable),
              ElementsAre("above-large", "above-small", "above-high", "within", "within-high"));
}

// Spec: pod/19/ranking
TEST(Ranking, WhatIsNotKnownGoesFirst) {
  EXPECT_THAT(Rank({Pod({.uid = "known", .memory = 500 * kMi}),
                    Pod({.uid = "unknown", .priority = 100, .memory = std::nullopt})},
                   Signal::kMemoryAvailable),
              ElementsAre("unknown", "known"));
}

// Spec: pod/19/ranking
TEST(Ranking, DiskGoesByWhatEachHasOnThatDisk) {
  PodUsage layer = Pod({.uid = "layer", .disk = 20});
  PodUsage logs = Pod({.uid = "logs", .disk = 1});
  logs.containers["c"].logs = 30;
  PodUsage volume = Pod({.uid = "volume", .disk = 2});
  volume.empty_dirs["tmp"] = 40;
  const std::vector<PodUsage> pods = {layer, logs, volume};
  EXPECT_THAT(Rank(pods, Signal::kNodeFsAvailable), ElementsAre("volume", "logs", "layer"));
  EXPECT_THAT(Rank(pods, Signal::kImageFsAvailable), ElementsAre("volume", "logs", "layer"));
  EXPECT_THAT(Rank(pods, Signal::kNodeFsAvailable, true), ElementsAre("volume", "logs", "layer"));
  EXPECT_THAT(Rank(pods, Signal::kImageFsAvailable, true), ElementsAre("layer", "volume", "logs"));
}

// Spec: pod/19/ranking
TEST(Ranking, ProcessIdsGoByPriorityThenNumber) {
  EXPECT_THAT(Rank({Pod({.uid = "few", .pids = 2}), Pod({.uid = "many", .pids = 900}),
                    Pod({.uid = "high", .priority = 7, .pids = 9'000})},
                   Signal::kPidAvailable),
              ElementsAre("many", "few", "high"));
}

// Spec: pod/19/ranking
TEST(Ranking, CriticalPodsNeverGo) {
  PodUsage node_critical = Pod({.uid = "critical", .priority = 2'000'000'000, .memory = 1 << 30});
  PodUsage fixed = Pod({.uid = "static", .memory = 1 << 30});
  auto pod = std::make_shared<v1::Pod>(*fixed.pod);
  (*pod->mutable_metadata()->mutable_annotations())["kubernetes.io/config.source"] = "file";
  fixed.pod = pod;
  EXPECT_THAT(Rank({node_critical, fixed, Pod({.uid = "other", .priority = 1'999'999'999})},
                   Signal::kMemoryAvailable),
              ElementsAre("other"));
}

// Spec: pod/19/result
TEST(EvictionMessage, IsThatOfKubernetes) {
  EXPECT_EQ(MakeEviction(Pod({.uid = "u", .memory = 9'000 * kKi}), Of(Signal::kMemoryAvailable),
                         seconds(0))
                .message,
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 5000Ki. "
            "Container c was using 9000Ki, request is 0, has larger consumption of memory. ");
  EXPECT_EQ(MakeEviction(Pod({.uid = "u", .memory_request = "1Gi", .memory = 9'000 * kKi}),
                         Of(Signal::kMemoryAvailable), seconds(0))
                .message,
            "The node was low on resource: memory. Threshold quantity: 100Mi, available: 5000Ki. ");
  EXPECT_THAT(
      MakeEviction(Pod({.uid = "u", .disk = 2 * kMi}), Of(Signal::kImageFsAvailable), seconds(0))
          .message,
      HasSubstr("low on resource: ephemeral-storage. Threshold quantity: 100Mi, available: "
                "5000Ki. Container c was using 2Mi, request is 0, has larger consumption "
                "of ephemeral-storage. "));
  EXPECT_EQ(
      MakeEviction(Pod({.uid = "u"}), Of(Signal::kPidAvailable, 1'000, 12), seconds(0)).message,
      "The node was low on resource: pids. Threshold quantity: 1000, available: 12. ");
  EXPECT_EQ(
      MakeEviction(Pod({.uid = "u"}), Of(Signal::kNodeFsInodesFree, 50, 12), seconds(0)).message,
      "The node was low on resource: inodes. Threshold quantity: 50, available: 12. ");
}

// Spec: pod/19/grace
TEST(EvictionGrace, IsASecondUnlessTheThresholdHasOne) {
  struct {
    std::optional<int64_t> own;
    int64_t grace_max, expected_hard, expected_soft;
  } const table[] = {{30, 10, 1, 10}, {5, 10, 1, 5}, {std::nullopt, 60, 1, 30}, {30, 0, 1, 1}};
  for (const auto& [own, grace_max, hard, soft] : table) {
    PodUsage usage = Pod({.uid = "u"});
    auto pod = std::make_shared<v1::Pod>(*usage.pod);
    if (own) pod->mutable_spec()->set_termination_grace_period_seconds(*own);
    usage.pod = pod;
    const auto grace = [&usage, longest = seconds(grace_max)](Duration of_threshold) {
      return MakeEviction(usage, Of(Signal::kMemoryAvailable, 1, 0, of_threshold), longest)
          .grace.count();
    };
    EXPECT_EQ(grace(Duration::zero()), hard);
    EXPECT_EQ(grace(seconds(90)), soft);
  }
}

PodUsage Limited(const std::string& volume_limit, const std::vector<std::string>& limits) {
  PodUsage usage = Pod({.uid = "u"});
  auto pod = std::make_shared<v1::Pod>(*usage.pod);
  pod->mutable_spec()->clear_containers();
  usage.containers.clear();
  int number = 0;
  for (const std::string& limit : limits) {
    v1::Container& container = *pod->mutable_spec()->add_containers();
    container.set_name("c" + std::to_string(number++));
    if (!limit.empty()) {
      (*container.mutable_resources()->mutable_limits())["ephemeral-storage"].set_text(limit);
    }
  }
  if (!volume_limit.empty()) {
    v1::Volume& volume = *pod->mutable_spec()->add_volumes();
    volume.set_name("tmp");
    volume.mutable_empty_dir()->mutable_size_limit()->set_text(volume_limit);
  }
  usage.pod = pod;
  return usage;
}

// Spec: pod/14.2/size-limit, pod/19/own-limits
TEST(OwnLimits, PodThatExceedsThemGoesWhateverRoomThereIs) {
  PodUsage usage = Limited("10Mi", {});
  EXPECT_TRUE(LimitsItsDisk(*usage.pod));
  usage.empty_dirs["tmp"] = 10 * kMi;
  EXPECT_FALSE(ExceedsOwnLimits(usage).has_value());
  usage.empty_dirs["tmp"] = 10 * kMi + 1;
  EXPECT_EQ(ExceedsOwnLimits(usage)->message,
            "Usage of EmptyDir volume \"tmp\" exceeds the limit \"10Mi\". ");

  usage = Limited("", {"5Mi", ""});
  EXPECT_TRUE(LimitsItsDisk(*usage.pod));
  usage.containers["c0"] = {.writable_layer = 4 * kMi, .logs = kMi};
  EXPECT_FALSE(ExceedsOwnLimits(usage).has_value());
  usage.containers["c0"].logs += 1;
  EXPECT_EQ(ExceedsOwnLimits(usage)->message,
            "Container c0 exceeded its local ephemeral storage limit \"5Mi\". ");

  usage = Limited("", {"5Mi", "1Mi"});
  usage.containers["c0"].writable_layer = 5 * kMi;
  usage.empty_dirs["tmp"] = kMi;
  EXPECT_FALSE(ExceedsOwnLimits(usage).has_value());
  usage.empty_dirs["tmp"] += 1;
  EXPECT_EQ(ExceedsOwnLimits(usage)->message,
            "Pod ephemeral local storage usage exceeds the total limit of containers 6Mi. ");

  usage = Limited("", {"", ""});
  EXPECT_FALSE(LimitsItsDisk(*usage.pod));
  usage.containers["c0"].writable_layer = int64_t{1} << 40;
  EXPECT_FALSE(ExceedsOwnLimits(usage).has_value());
}

// Spec: pod/3/pressure, pod/3/critical
TEST(RefusedUnderPressure, OnlyCriticalPodsComeToANodeThatIsShort) {
  const v1::Pod best_effort = *Pod({.uid = "a"}).pod;
  const v1::Pod burstable = *Pod({.uid = "b", .memory_request = "1Mi"}).pod;
  const v1::Pod critical = *Pod({.uid = "c", .priority = 2'000'001'000}).pod;
  v1::Pod tolerant = best_effort;
  v1::Toleration& toleration = *tolerant.mutable_spec()->add_tolerations();
  toleration.set_key("node.kubernetes.io/memory-pressure");
  toleration.set_operator_("Exists");
  toleration.set_effect("NoSchedule");
  struct {
    const v1::Pod& pod;
    std::vector<std::string> conditions;
    const char* message;  // Null: it may come.
  } const table[] = {
      {best_effort, {}, nullptr},
      {best_effort, {"MemoryPressure"}, "The node had condition: [MemoryPressure]. "},
      {burstable, {"MemoryPressure"}, nullptr},
      {tolerant, {"MemoryPressure"}, nullptr},
      {tolerant, {"DiskPressure"}, "The node had condition: [DiskPressure]. "},
      {burstable,
       {"DiskPressure", "MemoryPressure"},
       "The node had condition: [DiskPressure MemoryPressure]. "},
      {burstable, {"PIDPressure"}, "The node had condition: [PIDPressure]. "},
      {critical, {"DiskPressure", "MemoryPressure"}, nullptr},
  };
  for (const auto& [pod, conditions, message] : table) {
    const std::optional<std::string> refused = RefusedUnderPressure(pod, conditions);
    EXPECT_EQ(refused.value_or("may come"), message == nullptr ? "may come" : message);
  }
}

}  // namespace
}  // namespace muster::agent
