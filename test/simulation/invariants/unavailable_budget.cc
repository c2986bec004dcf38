// Spec 14.2: a rollout takes down at most max(0, maxUnavailable - unavailable) available old pods
// at once (5.2). Counted over what the controllers had seen when they decided; a node that cannot
// be reached uses nothing up.

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class UnavailableBudget final : public Invariant {
 public:
  absl::string_view name() const override { return "14.2 budget of a rollout"; }

  void OnCommit(const Sight& sight, const Commit& commit, const Report& report) override {
    if (commit.writer != Writer::kControllers) return;
    std::map<std::string, std::set<std::string>> taken;  // Owner's uid -> pods' keys.
    for (const ObjectCommit& object : commit.objects) {
      if (!object.before || !object.before->has_pod()) continue;
      const v1::ObjectMeta& before = object.before->pod().metadata();
      const bool goes = !object.after || object.after->pod().metadata().has_deletion_timestamp();
      if (goes && !before.has_deletion_timestamp()) taken[OwnerUidOf(before)].insert(object.key);
    }
    for (const auto& [uid, keys] : taken) {
      const v1::DaemonSet* daemon_set = DaemonSetIn(sight.ledger.seen(), uid);
      if (daemon_set == nullptr || daemon_set->metadata().has_deletion_timestamp()) continue;
      if (daemon_set->spec().update_strategy().type() != "RollingUpdate") continue;
      if (!IsSurging(*daemon_set)) Check(sight, *daemon_set, keys, report);
    }
  }

 private:
  static void Check(const Sight& sight, const v1::DaemonSet& daemon_set,
                    const std::set<std::string>& keys, const Report& report) {
    const auto nodes = NodesIn(sight.ledger.seen());
    const auto pods = PodsOf(sight.ledger.seen(), daemon_set.metadata().uid());
    const int min_ready = daemon_set.spec().min_ready_seconds();
    const WallTime now = sight.clock.Wall();
    int desired = 0, unavailable = 0, taken = 0;
    std::set<std::string> names;
    for (const auto& [name, node] : nodes) names.insert(name);
    for (const auto& [name, on_node] : pods) names.insert(name);
    for (const std::string& name : names) {
      const auto node = nodes.find(name);
      const bool should_run = node != nodes.end() && ShouldRun(daemon_set, *node->second);
      if (should_run) ++desired;
      std::vector<const v1::Pod*> live;
      if (const auto found = pods.find(name); found != pods.end()) {
        for (const v1::Pod* pod : found->second) {
          if (!pod->metadata().has_deletion_timestamp()) live.push_back(pod);
        }
      }
      const bool reachable = node != nodes.end() && ConditionOf(*node->second, "Ready") == "True";
      const bool available = live.size() == 1 && IsAvailable(*live.front(), min_ready, now);
      if (!available) {
        if (reachable && (should_run || pods.contains(name))) ++unavailable;
        continue;
      }
      const bool old = node == nodes.end() || !IsCurrent(*live.front(), daemon_set, node->second,
                                                         sight.ledger.seen(), sight.ledger);
      const bool stays = node != nodes.end() && ShouldContinue(daemon_set, *node->second);
      const v1::ObjectMeta& metadata = live.front()->metadata();
      const std::string key = absl::StrCat("/pods/", metadata.namespace_(), "/", metadata.name());
      if (old && stays && !IsTerminal(*live.front()) && keys.contains(key)) ++taken;
    }
    const int budget = std::max(0, MaxUnavailable(daemon_set, desired) - unavailable);
    if (taken > budget) {
      report(absl::StrCat(daemon_set.metadata().name(), ": a rollout takes ", taken,
                          " available pods down, ", unavailable, " of ", desired,
                          " are unavailable already and maxUnavailable is ",
                          MaxUnavailable(daemon_set, desired)));
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewUnavailableBudget() { return std::make_unique<UnavailableBudget>(); }

}  // namespace muster::simulation
