// Spec 14.1: per node at most one live pod of a DaemonSet without surge, at most two with, and
// never two that are made from the same (a revision, and an override of it). Looked at where it
// matters: in the runtimes of the nodes.
//
// Without surge a pod that is still being stopped counts too: a daemon never runs beside itself.
// Pods whose objects somebody removed by force, without waiting for the node, are not counted.

#include <set>

#include "absl/strings/str_cat.h"
#include "agent/translate/translate.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class OnePodPerNode final : public Invariant {
 public:
  absl::string_view name() const override { return "14.1 one pod per node"; }

  void OnCommit(const Sight& sight, const Commit& commit, const Report&) override {
    for (const ObjectCommit& object : commit.objects) {
      if (object.before || !object.after->has_pod()) continue;
      const v1::ObjectMeta& metadata = object.after->pod().metadata();
      const v1::DaemonSet* owner = DaemonSetIn(sight.ledger.seen(), OwnerUidOf(metadata));
      order_[metadata.uid()] = ++created_;
      if (owner != nullptr && IsSurging(*owner)) surged_.insert(metadata.uid());
    }
  }

  void OnRuntime(const Sight& sight, const Machine& machine, const Report& report) override {
    std::map<std::string, std::set<std::string>> running;  // Owner -> uids.
    for (const agent::ContainerStatus& container : machine.runtime().containers()) {
      if (container.state != agent::ContainerState::kRunning) continue;
      const std::string& uid = container.labels.at(agent::kLabelPodUid);
      const PodHistory* pod = sight.ledger.FindPod(uid);
      if (pod == nullptr || pod->owner_uid.empty() || pod->forced) continue;
      running[pod->owner_uid].insert(uid);
    }
    for (const auto& [owner, uids] : running) {
      if (uids.size() > 1) CheckTogether(sight, machine, uids, report);
    }
  }

 private:
  void CheckTogether(const Sight& sight, const Machine& machine, const std::set<std::string>& uids,
                     const Report& report) const {
    std::string newest;
    std::set<std::string> made_from;
    int live = 0;
    for (const std::string& uid : uids) {
      if (newest.empty() || Order(uid) > Order(newest)) newest = uid;
      const PodHistory& pod = *sight.ledger.FindPod(uid);
      const v1::Object* object = sight.ledger.Find(pod.key);
      if (object == nullptr || object->pod().metadata().uid() != uid ||
          object->pod().metadata().has_deletion_timestamp()) {
        continue;
      }
      ++live;
      if (!made_from.insert(absl::StrCat(pod.hash, " ", pod.variant)).second) {
        report(absl::StrCat(machine.name(), " runs two pods of revision ", pod.hash, " of ",
                            pod.owner_name));
      }
    }
    const PodHistory& pod = *sight.ledger.FindPod(newest);
    if (!surged_.contains(newest)) {
      report(absl::StrCat(machine.name(), " runs ", uids.size(), " pods of ", pod.owner_name,
                          ", the newest of them ", pod.key));
    } else if (live > 2) {
      report(absl::StrCat(machine.name(), " runs ", live, " live pods of ", pod.owner_name));
    }
  }

  int64_t Order(const std::string& uid) const {
    const auto found = order_.find(uid);
    return found == order_.end() ? 0 : found->second;
  }

  int64_t created_ = 0;
  std::map<std::string, int64_t> order_;  // Of creation, by uid.
  std::set<std::string> surged_;          // Created while surge was on.
};

}  // namespace

std::unique_ptr<Invariant> NewOnePodPerNode() { return std::make_unique<OnePodPerNode>(); }

}  // namespace muster::simulation
