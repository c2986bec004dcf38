#include "coordinator/nodes/eviction.h"

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fixtures.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

v1::Taint Taint(const std::string& key, const std::string& effect, WallTime added = kWall) {
  v1::Taint taint;
  taint.set_key(key);
  taint.set_effect(effect);
  *taint.mutable_time_added() = FromWallTime(added);
  return taint;
}

v1::Toleration Tolerating(const std::string& key, std::optional<int64_t> seconds = std::nullopt) {
  v1::Toleration toleration;
  toleration.set_key(key);
  toleration.set_operator_("Exists");
  if (seconds) toleration.set_toleration_seconds(*seconds);
  return toleration;
}

TEST(EvictionTime, IsTheShortestOfWhatIsUsedAndNowForWhatIsNotTolerated) {
  struct Case {
    const char* name;
    std::vector<v1::Taint> taints;
    std::vector<v1::Toleration> tolerations;
    std::optional<WallTime> expected;
  };
  const Case cases[] = {
      {"no taints", {}, {}, std::nullopt},
      {"another effect", {Taint("a", "NoSchedule")}, {}, std::nullopt},
      {"not tolerated", {Taint("a", "NoExecute")}, {}, WallTime::min()},
      {"for ever", {Taint("a", "NoExecute")}, {Tolerating("a")}, std::nullopt},
      {"for a while", {Taint("a", "NoExecute")}, {Tolerating("a", 5)}, kWall + 5s},
      {"zero", {Taint("a", "NoExecute")}, {Tolerating("a", 0)}, WallTime::min()},
      {"negative", {Taint("a", "NoExecute")}, {Tolerating("a", -1)}, WallTime::min()},
      {"the smaller of two",
       {Taint("a", "NoExecute")},
       {Tolerating("a", 9), Tolerating("a", 5), Tolerating("a")},
       kWall + 5s},
      {"one that is not used",
       {Taint("a", "NoExecute")},
       {Tolerating("a"), Tolerating("b", 1)},
       std::nullopt},
      {"the taint that ends first",
       {Taint("a", "NoExecute", kWall), Taint("b", "NoExecute", kWall + 10s)},
       {Tolerating("a", 20), Tolerating("b", 5)},
       kWall + 15s},
      {"one tolerated, one not",
       {Taint("a", "NoExecute"), Taint("b", "NoExecute")},
       {Tolerating("a", 20)},
       WallTime::min()},
  };
  for (const Case& c : cases) {
    model::Taints taints(c.taints.begin(), c.taints.end());
    model::Tolerations tolerations(c.tolerations.begin(), c.tolerations.end());
    EXPECT_EQ(EvictionTime(tolerations, taints), c.expected) << c.name;
  }
}

// Spec: 11.1/default-eviction
TEST(CompletePod, ToleratesASickNodeForFiveMinutesUnlessItSaysOtherwise) {
  v1::Pod pod;
  *pod.mutable_spec()->add_tolerations() = Tolerating("node.kubernetes.io/unreachable", 7);
  ASSERT_TRUE(CompletePod({}, pod).ok());
  ASSERT_EQ(pod.spec().tolerations_size(), 2);
  EXPECT_EQ(pod.spec().tolerations(1).key(), "node.kubernetes.io/not-ready");
  EXPECT_EQ(pod.spec().tolerations(1).toleration_seconds(), 300);
  EXPECT_EQ(pod.spec().priority(), 0);
  const std::string once = pod.SerializeAsString();
  ASSERT_TRUE(CompletePod({}, pod).ok());
  EXPECT_EQ(pod.SerializeAsString(), once);
}

// Spec: 10.3/builtin-classes, 10.3/unknown-class
TEST(CompletePod, ResolvesThePriorityClassOnce) {
  v1::Pod pod;
  pod.mutable_spec()->set_priority_class_name("gold");
  EXPECT_EQ(CompletePod({}, pod).code(), absl::StatusCode::kNotFound);
  PriorityClasses classes;
  classes["gold"].mutable_metadata()->set_name("gold");
  classes["gold"].set_value(7);
  classes["gold"].set_preemption_policy("Never");
  ASSERT_TRUE(CompletePod(classes, pod).ok());
  EXPECT_EQ(pod.spec().priority(), 7);
  EXPECT_EQ(pod.spec().preemption_policy(), "Never");
  // What it was worth when it was created it stays worth.
  classes["gold"].set_value(8);
  ASSERT_TRUE(CompletePod(classes, pod).ok());
  EXPECT_EQ(pod.spec().priority(), 7);
  pod.mutable_spec()->clear_priority();
  pod.mutable_spec()->set_priority_class_name("system-node-critical");
  ASSERT_TRUE(CompletePod({}, pod).ok());
  EXPECT_EQ(pod.spec().priority(), 2'000'001'000);
}

}  // namespace
}  // namespace muster::coordinator
