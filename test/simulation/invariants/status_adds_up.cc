// Spec 14.7: desired = available + unavailable, and current <= desired, in every status written.

#include "absl/strings/str_cat.h"
#include "test/simulation/invariants/invariant.h"

namespace muster::simulation {
namespace {

class StatusAddsUp final : public Invariant {
 public:
  absl::string_view name() const override { return "14.7 the status adds up"; }

  void OnCommit(const Sight&, const Commit& commit, const Report& report) override {
    for (const ObjectCommit& object : commit.objects) {
      if (!object.after || !object.after->has_daemon_set()) continue;
      const v1::DaemonSetStatus& status = object.after->daemon_set().status();
      if (status.desired_number_scheduled() !=
          status.number_available() + status.number_unavailable()) {
        report(absl::StrCat(object.key, ": ", status.desired_number_scheduled(), " desired, ",
                            status.number_available(), " available, ", status.number_unavailable(),
                            " unavailable"));
      }
      if (status.current_number_scheduled() > status.desired_number_scheduled()) {
        report(absl::StrCat(object.key, ": ", status.current_number_scheduled(),
                            " scheduled, but only ", status.desired_number_scheduled(),
                            " desired"));
      }
    }
  }
};

}  // namespace

std::unique_ptr<Invariant> NewStatusAddsUp() { return std::make_unique<StatusAddsUp>(); }

}  // namespace muster::simulation
