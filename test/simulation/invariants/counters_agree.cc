// Spec 14.9: once it is quiet the counters agree with the pods (7).

#include "absl/strings/str_cat.h"
#include "test/simulation/invariants/invariant.h"
#include "test/simulation/invariants/placement_oracle.h"

namespace muster::simulation {
namespace {

class CountersAgree final : public Invariant {
 public:
  absl::string_view name() const override { return "14.9 counters agree with the pods"; }

  void OnQuiet(const Sight& sight, const Report& report) override {
    for (const auto& [key, object] : sight.ledger.now()) {
      if (object->has_daemon_set()) Check(sight, object->daemon_set(), report);
    }
  }

 private:
  static void Check(const Sight& sight, const v1::DaemonSet& daemon_set, const Report& report) {
    const auto nodes = NodesIn(sight.ledger.now());
    auto pods = PodsOf(sight.ledger.now(), daemon_set.metadata().uid());
    int desired = 0, current = 0, misscheduled = 0, ready = 0, updated = 0, available = 0;
    for (const auto& [name, node] : nodes) {
      const bool should_run = ShouldRun(daemon_set, *node);
      const std::vector<const v1::Pod*>& here = pods[name];
      if (should_run) ++desired;
      if (here.empty()) continue;
      if (!should_run) {
        ++misscheduled;
        continue;
      }
      // Nobody surges when it is quiet, so there is one.
      ++current;
      if (IsReady(*here.front())) ++ready;
      if (IsCurrent(*here.front(), daemon_set, node, sight.ledger.now(), sight.ledger)) ++updated;
      if (IsAvailable(*here.front(), daemon_set.spec().min_ready_seconds(), sight.clock.Wall())) {
        ++available;
      }
    }
    const v1::DaemonSetStatus& status = daemon_set.status();
    const auto agree = [&](absl::string_view what, int counted, int said) {
      if (counted == said) return;
      report(absl::StrCat(daemon_set.metadata().name(), ": ", what, " is ", said, ", but ", counted,
                          " by the pods"));
    };
    agree("desiredNumberScheduled", desired, status.desired_number_scheduled());
    agree("currentNumberScheduled", current, status.current_number_scheduled());
    agree("numberMisscheduled", misscheduled, status.number_misscheduled());
    agree("numberReady", ready, status.number_ready());
    agree("updatedNumberScheduled", updated, status.updated_number_scheduled());
    agree("numberAvailable", available, status.number_available());
    agree("observedGeneration", static_cast<int>(daemon_set.metadata().generation()),
          static_cast<int>(status.observed_generation()));
  }
};

}  // namespace

std::unique_ptr<Invariant> NewCountersAgree() { return std::make_unique<CountersAgree>(); }

}  // namespace muster::simulation
