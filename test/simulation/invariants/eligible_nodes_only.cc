// Spec 14.3: no pod is created for a node where shouldRun is false (1.1), as far as the controllers
// have seen.

#include "absl/strings/str_cat.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class EligibleNodesOnly final : public Invariant {
 public:
  absl::string_view name() const override { return "14.3 eligible nodes only"; }

  void OnCommit(const Sight& sight, const Commit& commit, const Report& report) override {
    if (commit.writer != Writer::kControllers) return;
    for (const ObjectCommit& object : commit.objects) {
      if (object.before || !object.after->has_pod()) continue;
      const v1::Pod& pod = object.after->pod();
      const v1::DaemonSet* owner = DaemonSetIn(sight.ledger.seen(), OwnerUidOf(pod.metadata()));
      if (owner == nullptr) {
        report(absl::StrCat(object.key, " is created for a DaemonSet that is not there"));
        continue;
      }
      const auto nodes = NodesIn(sight.ledger.seen());
      const auto node = nodes.find(NodeOf(pod));
      if (node == nodes.end() || !ShouldRun(*owner, *node->second)) {
        report(absl::StrCat(object.key, " is created for node ", NodeOf(pod),
                            ", which is not eligible"));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewEligibleNodesOnly() { return std::make_unique<EligibleNodesOnly>(); }

}  // namespace muster::simulation
