// Spec 14.4: what is somebody else's is never touched: neither containers and sandboxes on the
// nodes without our mark, nor Pod objects that no DaemonSet controls.

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "test/simulation/invariants/invariant.h"

namespace muster::simulation {
namespace {

class OthersUntouched final : public Invariant {
 public:
  absl::string_view name() const override { return "14.4 others' pods untouched"; }

  void OnCall(const Sight&, const Machine& machine, const std::string& line,
              const Report& report) override {
    const std::vector<std::string> words = absl::StrSplit(line, ' ');
    if (words.size() < 2) return;
    if (words[0] != "StopContainer" && words[0] != "RemoveContainer" && words[0] != "StopSandbox" &&
        words[0] != "RemoveSandbox") {
      return;
    }
    if (words[1] == machine.foreign_container() || words[1] == machine.foreign_sandbox()) {
      report(absl::StrCat(machine.name(), ": ", words[0], " of what is not ours"));
    }
  }

  void OnRuntime(const Sight&, const Machine& machine, const Report& report) override {
    if (!machine.powered()) return;
    for (const agent::ContainerStatus& container : machine.runtime().containers()) {
      if (container.id == machine.foreign_container() &&
          container.state == agent::ContainerState::kRunning) {
        return;
      }
    }
    report(absl::StrCat(machine.name(), ": somebody else's container does not run any more"));
  }

  void OnCommit(const Sight&, const Commit& commit, const Report& report) override {
    if (commit.writer != Writer::kControllers) return;
    for (const ObjectCommit& object : commit.objects) {
      if (!object.before || !object.before->has_pod()) continue;
      for (const v1::OwnerReference& owner : object.before->pod().metadata().owner_references()) {
        if (owner.controller() && owner.kind() != "DaemonSet") {
          report(absl::StrCat(object.key, " belongs to a ", owner.kind(), " and is changed"));
        }
      }
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewOthersUntouched() { return std::make_unique<OthersUntouched>(); }

}  // namespace muster::simulation
