// Random fleets, policies and faults: what a bad release can never do. Every look of the controller
// is made from the stored objects alone, so each of these runs is also one in which the coordinator
// is restarted all the time.

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "coordinator/daemonset/rollout.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/daemonset/fleet.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr char kGood[] = "image:1";
constexpr char kBad[] = "image:bad";
constexpr uint64_t kSeeds = 100;
constexpr int kSteps = 150;

class RandomRollout {
 public:
  explicit RandomRollout(uint64_t seed) : random_(seed), fleet_(Between(3, 12)) {
    budget_ = Between(1, 3);
    surge_ = Chance(0.25);
    fleet_.Rolling().mutable_max_unavailable()->set_int_value(surge_ ? 0 : budget_);
    fleet_.Rolling().mutable_max_surge()->set_int_value(surge_ ? budget_ : 0);
    if (Chance(0.3)) fleet_.scene.daemon_set.mutable_spec()->set_min_ready_seconds(Between(1, 3));
    failures_max_ = Between(0, 4);
    fleet_.Annotate("max-failed", std::to_string(failures_max_));
    rolls_back_ = Chance(0.5);
    if (rolls_back_) fleet_.Annotate("on-failure", "rollback");
    if (Chance(0.5)) fleet_.Annotate("progress-deadline", "40s");
    if (Chance(0.3)) fleet_.Annotate("canary", "count: " + std::to_string(Between(1, 3)));
    EXPECT_TRUE(fleet_.Settle());
    fleet_.fate = [this](const std::string& node, const std::string& image) {
      return image == kBad ? FateOn(node) : Fate::kHealthy;
    };
    fleet_.on_plan = [this](const DaemonSetPlan& plan) { CheckPlan(plan); };
  }

  void Run() {
    fleet_.Release(kBad);
    for (int i = 0; i < kSteps && !testing::Test::HasFailure(); ++i) {
      Disturb();
      fleet_.Step();
      CheckFleet();
    }
    if (testing::Test::HasFailure()) return;
    // A node that the release kills is killed again as often as it returns with its pod.
    for (int i = 0; i < 5; ++i) {
      for (const v1::Node& node : fleet_.scene.nodes) fleet_.Return(node.metadata().name());
      fleet_.Steps(20);
    }
    CheckEnd();
  }

 private:
  int Between(int low, int high) { return std::uniform_int_distribution<>(low, high)(random_); }
  bool Chance(double share) { return std::bernoulli_distribution(share)(random_); }

  Fate FateOn(const std::string& node) {
    const auto known = fates_.find(node);
    if (known != fates_.end()) return known->second;
    static constexpr Fate kFates[] = {Fate::kHealthy,     Fate::kSlow,       Fate::kCrashes,
                                      Fate::kOutOfMemory, Fate::kNeverReady, Fate::kKillsNode,
                                      Fate::kFails};
    return fates_[node] = kFates[Between(0, 6)];
  }
  bool IsBadOn(const std::string& node) {
    const Fate fate = FateOn(node);
    return fate != Fate::kHealthy && fate != Fate::kSlow;
  }

  // What people and the world do meanwhile.
  void Disturb() {
    std::vector<v1::Pod>& pods = fleet_.scene.pods;
    if (Chance(0.05)) fleet_.AddNode(Fleet::NodeName(++joined_ + 20));
    if (Chance(0.05)) {
      // Only a node that the release has not been on: the others are the release's doing.
      const std::string name = RandomNode();
      if (harmed_.contains(name) || fleet_.IsLost(name)) return;
      if (!fleet_.NodesWith(kBad).empty() && HasBad(name)) return;
      fleet_.Lose(name);
    }
    if (Chance(0.1)) {
      const std::string name = RandomNode();
      if (!(harmed_.contains(name) && FateOn(name) == Fate::kKillsNode)) fleet_.Return(name);
    }
    if (Chance(0.05) && !pods.empty()) {
      pods.erase(pods.begin() + Between(0, static_cast<int>(pods.size()) - 1));
    }
    if (Chance(0.02)) fleet_.Request("promote");
  }
  std::string RandomNode() {
    const auto& nodes = fleet_.scene.nodes;
    return nodes[Between(0, static_cast<int>(nodes.size()) - 1)].metadata().name();
  }
  bool HasBad(const std::string& node) const {
    const std::vector<std::string> nodes = fleet_.NodesWith(kBad);
    return std::find(nodes.begin(), nodes.end(), node) != nodes.end();
  }

  void CheckPlan(const DaemonSetPlan& plan) {
    // Spec 14, 2: what is taken from service on purpose stays within the budget.
    std::map<std::string, PodFacts> facts;
    for (const v1::Pod& pod : fleet_.scene.pods) facts[pod.metadata().name()] = PodFactsOf(pod);
    const int32_t min_ready = fleet_.scene.daemon_set.spec().min_ready_seconds();
    int taken = 0;
    for (const PlannedRemoval& each : plan.remove) {
      const bool outdated = each.removal.reason == RemovalReason::kOutdated;
      if (outdated && plan.status->rollout().phase() == kPhaseHalted) {
        ADD_FAILURE() << "a halted rollout touched " << each.node;
      }
      EXPECT_FALSE(outdated && fleet_.IsLost(each.node)) << each.node << " is out of reach";
      if (outdated && IsAvailable(facts[each.removal.pod], min_ready, fleet_.scene.now.wall)) {
        ++taken;
      }
    }
    if (!surge_) {
      EXPECT_LE(taken, budget_);
    }
    if (plan.status && plan.status->rollout().phase() == kPhaseHalted) {
      for (const v1::Pod& pod : plan.create) {
        EXPECT_NE(pod.spec().containers(0).image(), kBad)
            << "a halted rollout went to " << TargetNode(pod.spec());
      }
    }
  }

  void CheckFleet() {
    // Spec 14, 1.
    std::map<std::string, int> live;
    for (const v1::Pod& pod : fleet_.scene.pods) {
      if (!pod.metadata().has_deletion_timestamp()) ++live[TargetNode(pod.spec())];
    }
    for (const auto& [node, count] : live) EXPECT_LE(count, surge_ ? 2 : 1) << node;

    for (const std::string& node : fleet_.NodesWith(kBad)) {
      if (IsBadOn(node)) harmed_.insert(node);
    }
    EXPECT_LE(harmed_.size(), static_cast<size_t>(failures_max_ + budget_))
        << "nodes harmed by the release, ever";
  }

  // The end of it: the bad release stays where it was stopped, or is gone. Nobody else has it.
  void CheckEnd() {
    const v1::DaemonSetRollout& rollout = fleet_.rollout();
    if (rolls_back_ && !rollout.rolled_back_from().empty()) {
      EXPECT_EQ(fleet_.Image(), kGood);
      EXPECT_EQ(rollout.phase(), kPhaseComplete);
      EXPECT_EQ(fleet_.NodesWith(kGood).size(), fleet_.scene.nodes.size());
      EXPECT_TRUE(fleet_.NodesWith(kBad).empty());
    }
  }

  std::mt19937_64 random_;
  Fleet fleet_;
  int budget_ = 1;
  int failures_max_ = 1;
  bool surge_ = false;
  bool rolls_back_ = false;
  int joined_ = 0;
  std::map<std::string, Fate> fates_;
  std::set<std::string> harmed_;
};

TEST(RolloutProperty, ABadReleaseHarmsNoMoreNodesThanTheLimitAndTheBudget) {
  for (uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    RandomRollout(seed).Run();
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace muster::coordinator
