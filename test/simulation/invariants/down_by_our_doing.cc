// Issue 3 §3: never more unavailable by our doing than the budget, judged on facts.
//
// A node is down by our doing from the moment at which a rollout takes its available pod away until
// a pod of the DaemonSet has been available there again. It stops being our doing when the node
// cannot be reached, is gone, or is to run no pod any more. At every such moment the nodes that are
// down by our doing, this one included, are at most maxUnavailable. With surge there are none: an
// available pod goes only when its successor is available.
//
// Facts are what the store holds, whatever the controllers had seen of it. The budget is the one
// they had seen, as they cannot keep one they have not heard of, and so is whether a successor is
// available: that one may have failed a moment ago.

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class DownByOurDoing final : public Invariant {
 public:
  absl::string_view name() const override { return "14.2 down by our doing"; }

  void OnCommit(const Sight& sight, const Commit& commit, const Report& report) override {
    for (const ObjectCommit& object : commit.objects) {
      if (object.before && object.before->has_pod()) SeePod(sight, object.before->pod());
      if (object.before && object.before->has_daemon_set()) {
        SeeDaemonSet(sight, object.before->daemon_set(), object.after.get());
      }
      if (object.before && object.before->has_node()) {
        SeeNode(sight, object.before->node().metadata().name(), object.after.get());
      }
    }
    if (commit.writer != Writer::kControllers) return;
    std::set<std::string> grown;
    for (const ObjectCommit& object : commit.objects) {
      if (!object.before || !object.before->has_pod()) continue;
      const v1::Pod& pod = object.before->pod();
      const bool goes = !object.after || object.after->pod().metadata().has_deletion_timestamp();
      if (!goes || pod.metadata().has_deletion_timestamp()) continue;
      if (TakeDown(sight, pod, report)) grown.insert(OwnerUidOf(pod.metadata()));
    }
    for (const std::string& uid : grown) Check(sight, uid, report);
  }

 private:
  // The least time that anybody may think it takes.
  static int MinReady(const Sight& sight, const std::string& uid) {
    int least = 1 << 30;
    for (const Objects* objects : {&sight.ledger.seen(), &sight.ledger.now()}) {
      const v1::DaemonSet* daemon_set = DaemonSetIn(*objects, uid);
      if (daemon_set != nullptr) least = std::min(least, daemon_set->spec().min_ready_seconds());
    }
    return least;
  }

  void SeePod(const Sight& sight, const v1::Pod& before) {
    const std::string uid = OwnerUidOf(before.metadata());
    const auto down = down_.find(uid);
    if (down == down_.end() || !down->second.contains(NodeOf(before))) return;
    if (IsAvailable(before, MinReady(sight, uid), sight.clock.Wall())) {
      down->second.erase(NodeOf(before));
    }
  }

  void SeeDaemonSet(const Sight& sight, const v1::DaemonSet& before, const v1::Object* after) {
    const std::string& uid = before.metadata().uid();
    const auto down = down_.find(uid);
    if (down == down_.end()) return;
    if (after == nullptr || after->daemon_set().metadata().uid() != uid ||
        after->daemon_set().metadata().has_deletion_timestamp()) {
      down_.erase(down);
      return;
    }
    Forget(sight, uid, std::min(MinReady(sight, uid), before.spec().min_ready_seconds()),
           after->daemon_set());
  }

  void SeeNode(const Sight& sight, const std::string& node, const v1::Object* after) {
    for (auto& [uid, nodes] : down_) {
      if (!nodes.contains(node)) continue;
      const v1::DaemonSet* daemon_set = DaemonSetIn(sight.ledger.now(), uid);
      const bool counts = after != nullptr && daemon_set != nullptr &&
                          ConditionOf(after->node(), "Ready") == "True" &&
                          ShouldRun(*daemon_set, after->node());
      if (!counts) nodes.erase(node);
    }
  }

  // Those that are up again, or need not be.
  void Forget(const Sight& sight, const std::string& uid, int min_ready,
              const v1::DaemonSet& daemon_set) {
    const auto nodes = NodesIn(sight.ledger.now());
    auto pods = PodsOf(sight.ledger.now(), uid);
    std::erase_if(down_[uid], [&](const std::string& name) {
      const auto node = nodes.find(name);
      if (node == nodes.end() || !ShouldRun(daemon_set, *node->second)) return true;
      const std::vector<const v1::Pod*>& here = pods[name];
      return std::any_of(here.begin(), here.end(), [&](const v1::Pod* pod) {
        return !pod->metadata().has_deletion_timestamp() &&
               IsAvailable(*pod, min_ready, sight.clock.Wall());
      });
    });
  }

  // Was it a rollout that took the pod, and does the budget speak of it?
  bool TakeDown(const Sight& sight, const v1::Pod& pod, const Report& report) {
    const std::string uid = OwnerUidOf(pod.metadata());
    const v1::DaemonSet* owner = DaemonSetIn(sight.ledger.seen(), uid);
    if (owner == nullptr || owner->metadata().has_deletion_timestamp()) return false;
    if (owner->spec().update_strategy().type() != "RollingUpdate" || IsTerminal(pod)) return false;
    const auto nodes = NodesIn(sight.ledger.seen());
    const auto found = nodes.find(NodeOf(pod));
    if (found == nodes.end()) return false;
    const v1::Node& node = *found->second;
    if (!ShouldRun(*owner, node) || ConditionOf(node, "Ready") != "True") return false;
    if (IsCurrent(pod, *owner, &node, sight.ledger.seen(), sight.ledger)) return false;
    const int min_ready = owner->spec().min_ready_seconds();
    if (!IsAvailable(pod, min_ready, sight.clock.Wall())) return false;
    auto pods = PodsOf(sight.ledger.seen(), uid);
    bool alone = true, successor = false;
    for (const v1::Pod* other : pods[NodeOf(pod)]) {
      if (other->metadata().uid() == pod.metadata().uid()) continue;
      if (other->metadata().has_deletion_timestamp()) continue;
      alone = false;
      successor = successor || IsAvailable(*other, min_ready, sight.clock.Wall());
    }
    if (IsSurging(*owner) && !successor) {
      report(absl::StrCat(owner->metadata().name(), " surges, but its available pod on ",
                          NodeOf(pod), " goes before there is another"));
    }
    if (!alone || IsSurging(*owner)) return false;
    down_[uid].insert(NodeOf(pod));
    return true;
  }

  void Check(const Sight& sight, const std::string& uid, const Report& report) {
    const v1::DaemonSet* owner = DaemonSetIn(sight.ledger.seen(), uid);
    const v1::DaemonSet* now = DaemonSetIn(sight.ledger.now(), uid);
    if (owner == nullptr || now == nullptr) return;
    Forget(sight, uid, MinReady(sight, uid), *now);
    int desired = 0;
    for (const auto& [name, node] : NodesIn(sight.ledger.seen())) {
      if (ShouldRun(*owner, *node)) ++desired;
    }
    const int budget = MaxUnavailable(*owner, desired);
    const std::set<std::string>& down = down_[uid];
    if (static_cast<int>(down.size()) > budget) {
      report(absl::StrCat(owner->metadata().name(), ": ", absl::StrJoin(down, " "),
                          " are down by our doing, and maxUnavailable is ", budget, " of ",
                          desired));
    }
  }

  std::map<std::string, std::set<std::string>> down_;  // Uid of a DaemonSet -> nodes.
};

}  // namespace

std::unique_ptr<Invariant> NewDownByOurDoing() { return std::make_unique<DownByOurDoing>(); }

}  // namespace muster::simulation
