// Issue 3 §3: once it is quiet every eligible node runs exactly one pod of the right revision (any
// revision with OnDelete), no other node runs one, and what the store says runs does run.

#include <set>

#include "absl/strings/str_cat.h"
#include "agent/translate/translate.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class FleetComplete final : public Invariant {
 public:
  absl::string_view name() const override { return "every eligible node runs its pod"; }

  void OnQuiet(const Sight& sight, const Report& report) override {
    for (const auto& [key, object] : sight.ledger.now()) {
      if (object->has_daemon_set()) Check(sight, object->daemon_set(), report);
    }
  }

 private:
  static std::set<std::string> RunningOn(const Machine& machine) {
    std::set<std::string> uids;
    for (const agent::ContainerStatus& container : machine.runtime().containers()) {
      if (container.state != agent::ContainerState::kRunning) continue;
      uids.insert(container.labels.at(agent::kLabelPodUid));
    }
    return uids;
  }

  static void Check(const Sight& sight, const v1::DaemonSet& daemon_set, const Report& report) {
    const std::string& name = daemon_set.metadata().name();
    auto pods = PodsOf(sight.ledger.now(), daemon_set.metadata().uid());
    for (const auto& [node_name, node] : NodesIn(sight.ledger.now())) {
      const std::vector<const v1::Pod*>& here = pods[node_name];
      const bool should_run = ShouldRun(daemon_set, *node);
      if (should_run && here.size() != 1) {
        report(absl::StrCat(name, " has ", here.size(), " pods on ", node_name));
        continue;
      }
      if (!should_run && !here.empty()) {
        report(absl::StrCat(name, " has a pod on ", node_name, ", which is not eligible"));
        continue;
      }
      if (!should_run) continue;
      const v1::Pod& pod = *here.front();
      const std::string& pod_name = pod.metadata().name();
      if (!IsReady(pod) || pod.status().phase() != "Running") {
        report(absl::StrCat(pod_name, " on ", node_name, " is ", pod.status().phase(),
                            IsReady(pod) ? "" : " and not ready"));
      }
      if (!IsCurrent(pod, daemon_set, node, sight.ledger.now(), sight.ledger) &&
          daemon_set.spec().update_strategy().type() == "RollingUpdate") {
        report(absl::StrCat(pod_name, " on ", node_name, " is of an old revision"));
      }
      const auto machine = sight.machines.find(node_name);
      if (machine == sight.machines.end() ||
          !RunningOn(*machine->second).contains(pod.metadata().uid())) {
        report(absl::StrCat(pod_name, " does not run on ", node_name));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewFleetComplete() { return std::make_unique<FleetComplete>(); }

}  // namespace muster::simulation
