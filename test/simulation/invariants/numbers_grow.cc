// Spec 14.6: observedGeneration is at most generation, and neither it nor the generation, the
// collisionCount or the numbers of revisions ever go back.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "test/simulation/invariants/invariant.h"

namespace muster::simulation {
namespace {

class NumbersGrow final : public Invariant {
 public:
  absl::string_view name() const override { return "14.6 numbers only grow"; }

  void OnCommit(const Sight&, const Commit& commit, const Report& report) override {
    for (const ObjectCommit& object : commit.objects) {
      if (!object.after) continue;
      if (object.after->has_daemon_set()) CheckDaemonSet(object, report);
      if (object.after->has_controller_revision()) CheckRevision(object, report);
    }
  }

 private:
  static void CheckDaemonSet(const ObjectCommit& object, const Report& report) {
    const v1::DaemonSet& after = object.after->daemon_set();
    const auto grows = [&](absl::string_view what, int64_t from, int64_t to) {
      if (to < from) report(absl::StrCat(object.key, ": ", what, " goes from ", from, " to ", to));
    };
    grows("generation behind observedGeneration", after.status().observed_generation(),
          after.metadata().generation());
    if (!object.before || object.before->daemon_set().metadata().uid() != after.metadata().uid()) {
      return;
    }
    const v1::DaemonSet& before = object.before->daemon_set();
    grows("generation", before.metadata().generation(), after.metadata().generation());
    grows("observedGeneration", before.status().observed_generation(),
          after.status().observed_generation());
    grows("collisionCount", before.status().collision_count(), after.status().collision_count());
  }

  static void CheckRevision(const ObjectCommit& object, const Report& report) {
    if (!object.before) return;
    const v1::ControllerRevision& before = object.before->controller_revision();
    const v1::ControllerRevision& after = object.after->controller_revision();
    if (before.metadata().uid() != after.metadata().uid()) return;
    if (after.revision() < before.revision()) {
      report(absl::StrCat(object.key, ": revision goes from ", before.revision(), " to ",
                          after.revision()));
    }
    if (after.data().json() != before.data().json()) {
      report(absl::StrCat(object.key, ": the data of a revision changed"));
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewNumbersGrow() { return std::make_unique<NumbersGrow>(); }

}  // namespace muster::simulation
