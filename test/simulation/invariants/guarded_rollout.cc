// Issue 3 §2.4 and §2.5: at most max-failed + maxUnavailable nodes ever get a pod of a release that
// does not work, and no more than the canary get one before it is promoted.
//
// Watched from the moment at which somebody changes the template of a DaemonSet whose rollout is
// complete, so that there is a release to go back to; until the template changes again without the
// rollout being complete, or it goes back, or somebody goes on in spite of the failures. A release
// that does not work is one whose pods never become available. A node counts as long as it is to
// run a pod and can be reached, and nobody but the controllers took the pod of the release away.
// A template with other overrides, or with configuration that rolls it, is another release.

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"
#include "test/simulation/wish.h"

namespace muster::simulation {
namespace {

constexpr char kRequest[] = "muster.dev/rollout-request";

std::string ReleaseOf(const v1::DaemonSet& daemon_set) {
  return WantedVariant(daemon_set, nullptr);
}

std::string ReleaseOf(const v1::Pod& pod) { return TemplateVariant(VariantOf(pod.spec())); }

// From "{count: 34%}".
std::string CountIn(const std::string& canary) {
  const absl::string_view before = "{count: ";
  if (!absl::StartsWith(canary, before)) return "";
  return canary.substr(before.size(), canary.find('}') - before.size());
}

class GuardedRollout final : public Invariant {
 public:
  absl::string_view name() const override { return "guarded rollouts"; }

  void OnCommit(const Sight& sight, const Commit& commit, const Report& report) override {
    for (const ObjectCommit& object : commit.objects) {
      if (object.before && object.before->has_daemon_set()) SeeDaemonSet(sight, commit, object);
      if (object.before && object.before->has_config_map()) {
        SeeConfig(sight, object.before->config_map().metadata().name());
      }
      if (object.before && object.before->has_pod() && commit.writer == Writer::kUsers) {
        const v1::Pod& pod = object.before->pod();
        const auto trial = trials_.find(OwnerUidOf(pod.metadata()));
        if (trial != trials_.end() && ReleaseOf(pod) == trial->second.release) {
          trial->second.harmed.erase(NodeOf(pod));
        }
      }
    }
    if (commit.writer != Writer::kControllers) return;
    for (const ObjectCommit& object : commit.objects) {
      if (object.before || !object.after->has_pod()) continue;
      const v1::Pod& pod = object.after->pod();
      const auto trial = trials_.find(OwnerUidOf(pod.metadata()));
      if (trial == trials_.end() || ReleaseOf(pod) != trial->second.release) continue;
      const v1::DaemonSet* owner = DaemonSetIn(sight.ledger.seen(), trial->first);
      if (owner == nullptr || ReleaseOf(*owner) != trial->second.release) continue;
      CheckCanary(sight, *owner, trial->second, NodeOf(pod), report);
      CheckHarm(sight, *owner, trial->second, NodeOf(pod), report);
    }
  }

 private:
  struct Trial {
    std::string release;
    bool promoted = false;
    bool resumed = false;
    std::set<std::string> harmed;
    int harmed_max = 0;
  };

  void SeeDaemonSet(const Sight& sight, const Commit& commit, const ObjectCommit& object) {
    const v1::DaemonSet& before = object.before->daemon_set();
    const std::string& uid = before.metadata().uid();
    if (!object.after || object.after->daemon_set().metadata().uid() != uid) {
      trials_.erase(uid);
      return;
    }
    const v1::DaemonSet& after = object.after->daemon_set();
    if (ReleaseOf(before) != ReleaseOf(after)) {
      trials_.erase(uid);
      if (commit.writer == Writer::kUsers && IsComplete(sight, before)) {
        trials_[uid].release = ReleaseOf(after);
      }
    }
    if (AnnotationOf(before.metadata(), kOverrides) != AnnotationOf(after.metadata(), kOverrides) ||
        RollsOnConfig(before) != RollsOnConfig(after)) {
      trials_.erase(uid);
    }
    const auto trial = trials_.find(uid);
    if (trial == trials_.end()) return;
    const std::string request = AnnotationOf(after.metadata(), kRequest);
    if (absl::StartsWith(request, "promote")) trial->second.promoted = true;
    if (absl::StartsWith(request, "resume")) trial->second.resumed = true;
    // Nobody drives it any more, or what is at its nodes is forgotten.
    if (after.spec().update_strategy().type() != "RollingUpdate" || IsSuspended(after) ||
        after.status().rollout().complete()) {
      if (after.status().rollout().complete() && before.status().rollout().complete()) return;
      trials_.erase(uid);
    }
  }

  void SeeConfig(const Sight& sight, const std::string& name) {
    std::erase_if(trials_, [&](const auto& trial) {
      const v1::DaemonSet* owner = DaemonSetIn(sight.ledger.now(), trial.first);
      return owner != nullptr && RollsOnConfig(*owner) &&
             ConfigName(owner->metadata().name()) == name;
    });
  }

  // There is a release to go back to.
  static bool IsComplete(const Sight& sight, const v1::DaemonSet& daemon_set) {
    const v1::DaemonSetStatus& status = daemon_set.status();
    if (!status.rollout().complete() ||
        status.observed_generation() != daemon_set.metadata().generation()) {
      return false;
    }
    auto pods = PodsOf(sight.ledger.now(), daemon_set.metadata().uid());
    int nodes = 0;
    for (const auto& [name, node] : NodesIn(sight.ledger.now())) {
      if (!ShouldRun(daemon_set, *node)) continue;
      ++nodes;
      const std::vector<const v1::Pod*>& here = pods[name];
      if (here.size() != 1 || ReleaseOf(*here.front()) != ReleaseOf(daemon_set)) return false;
    }
    return nodes > 0;
  }

  static bool IsGuarded(const v1::DaemonSet& daemon_set) {
    return !AnnotationOf(daemon_set.metadata(), "muster.dev/max-failed").empty() ||
           !AnnotationOf(daemon_set.metadata(), "muster.dev/on-failure").empty();
  }

  // How many nodes are to run a pod: what was seen and what is may differ, and neither is wrong.
  static int Desired(const Sight& sight, const v1::DaemonSet& daemon_set) {
    int most = 0;
    for (const Objects* objects : {&sight.ledger.seen(), &sight.ledger.now()}) {
      int desired = 0;
      for (const auto& [name, node] : NodesIn(*objects)) {
        if (ShouldRun(daemon_set, *node)) ++desired;
      }
      most = std::max(most, desired);
    }
    return most;
  }

  static bool Counts(const Objects& objects, const v1::DaemonSet& daemon_set,
                     const std::string& name) {
    const auto nodes = NodesIn(objects);
    const auto node = nodes.find(name);
    return node != nodes.end() && ShouldRun(daemon_set, *node->second) &&
           ConditionOf(*node->second, "Ready") == "True";
  }

  static void CheckCanary(const Sight& sight, const v1::DaemonSet& owner, const Trial& trial,
                          const std::string& node_name, const Report& report) {
    const std::string canary = AnnotationOf(owner.metadata(), "muster.dev/canary");
    if (canary.empty() || trial.promoted) return;
    const std::string count = CountIn(canary);
    if (count.empty()) {
      const auto nodes = NodesIn(sight.ledger.seen());
      const auto node = nodes.find(node_name);
      if (node == nodes.end()) return;
      const auto tier = node->second->metadata().labels().find("tier");
      if (tier != node->second->metadata().labels().end() && tier->second == "edge") return;
      report(absl::StrCat(owner.metadata().name(), " has canary ", canary, ", but release ",
                          trial.release, " comes to ", node_name));
      return;
    }
    std::set<std::string> have;
    for (const auto& [name, here] : PodsOf(sight.ledger.now(), owner.metadata().uid())) {
      for (const v1::Pod* pod : here) {
        if (ReleaseOf(*pod) == trial.release && !pod->metadata().has_deletion_timestamp() &&
            Counts(sight.ledger.now(), owner, name)) {
          have.insert(name);
        }
      }
    }
    const int most = std::max(1, RoundedUp(count, Desired(sight, owner)));
    if (static_cast<int>(have.size()) > most) {
      report(absl::StrCat(owner.metadata().name(), " has a canary of ", most, ", but release ",
                          trial.release, " is on ", absl::StrJoin(have, " ")));
    }
  }

  static void CheckHarm(const Sight& sight, const v1::DaemonSet& owner, Trial& trial,
                        const std::string& node_name, const Report& report) {
    if (trial.resumed || !NeverWorks(owner) || !IsGuarded(owner)) {
      trial.resumed = true;  // Not judged any more: what was harmed was, perhaps, allowed.
      return;
    }
    trial.harmed.insert(node_name);
    std::erase_if(trial.harmed, [&](const std::string& name) {
      return !Counts(sight.ledger.now(), owner, name);
    });
    const int desired = Desired(sight, owner);
    const std::string max_failed = AnnotationOf(owner.metadata(), "muster.dev/max-failed");
    const int failed = std::max(1, RoundedDown(max_failed, desired));
    const int at_once = std::max(MaxUnavailable(owner, desired), MaxSurge(owner, desired));
    trial.harmed_max = std::max(trial.harmed_max, failed + at_once);
    if (static_cast<int>(trial.harmed.size()) > trial.harmed_max) {
      report(absl::StrCat(owner.metadata().name(), ": release ", trial.release,
                          " does not work and came to ", absl::StrJoin(trial.harmed, " "),
                          ", more than max-failed ", failed, " and ", at_once, " at once"));
    }
  }

  std::map<std::string, Trial> trials_;  // By uid of the DaemonSet.
};

}  // namespace

std::unique_ptr<Invariant> NewGuardedRollout() { return std::make_unique<GuardedRollout>(); }

}  // namespace muster::simulation
