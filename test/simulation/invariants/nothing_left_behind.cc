// Issue 3 §3: once it is quiet no node has a running container, a ready sandbox or files of a pod
// that is not there, and no pod in the store is without a DaemonSet or half deleted.

#include <set>

#include "absl/strings/str_cat.h"
#include "agent/translate/translate.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class NothingLeftBehind final : public Invariant {
 public:
  absl::string_view name() const override { return "nothing is left behind"; }

  void OnQuiet(const Sight& sight, const Report& report) override {
    std::map<std::string, std::set<std::string>> pods;  // Node -> uids.
    const auto nodes = NodesIn(sight.ledger.now());
    for (const auto& [key, object] : sight.ledger.now()) {
      if (!object->has_pod()) continue;
      const v1::ObjectMeta& metadata = object->pod().metadata();
      pods[NodeOf(object->pod())].insert(metadata.uid());
      if (metadata.has_deletion_timestamp()) report(absl::StrCat(key, " never goes away"));
      const std::string owner = OwnerUidOf(metadata);
      if (!owner.empty() && DaemonSetIn(sight.ledger.now(), owner) == nullptr) {
        report(absl::StrCat(key, " is left of a DaemonSet that is gone"));
      }
    }
    for (const auto& [name, machine] : sight.machines) {
      if (nodes.contains(name)) CheckMachine(*machine, pods[name], report);
    }
  }

 private:
  static void CheckMachine(const Machine& machine, const std::set<std::string>& pods,
                           const Report& report) {
    std::set<std::string> used;
    for (const agent::ContainerStatus& container : machine.runtime().containers()) {
      used.insert(container.sandbox_id);
    }
    for (const agent::SandboxStatus& sandbox : machine.runtime().sandboxes()) {
      if (!sandbox.labels.contains(agent::kLabelNodeUid)) continue;
      const std::string& uid = sandbox.labels.at(agent::kLabelPodUid);
      if (!pods.contains(uid)) {
        report(absl::StrCat(machine.name(), " has a sandbox of pod ", uid, ", which is gone"));
      } else if (!used.contains(sandbox.id)) {
        report(absl::StrCat(machine.name(), " has a sandbox of pod ", uid, " with nothing in it"));
      }
    }
    for (const std::string& uid : machine.volumes().pods) {
      if (!pods.contains(uid)) {
        report(absl::StrCat(machine.name(), " has files of pod ", uid, ", which is gone"));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewNothingLeftBehind() { return std::make_unique<NothingLeftBehind>(); }

}  // namespace muster::simulation
