#include "coordinator/daemonset/update_budget.h"

#include <algorithm>

#include "common/model/int_or_string.h"

namespace muster::coordinator {
namespace {

int32_t Scaled(const v1::IntOrString& value, int32_t desired) {
  const absl::StatusOr<int32_t> scaled = model::ScaledRoundingUp(value, desired);
  return scaled.ok() ? std::max(*scaled, 0) : 0;
}

}  // namespace

bool IsRollingUpdate(const v1::DaemonSet& daemon_set) {
  return daemon_set.spec().update_strategy().type() == "RollingUpdate";
}

UpdateBudget BudgetOf(const v1::DaemonSet& daemon_set, int32_t desired) {
  UpdateBudget budget;
  if (IsRollingUpdate(daemon_set)) {
    const v1::RollingUpdateDaemonSet& rolling =
        daemon_set.spec().update_strategy().rolling_update();
    if (rolling.has_max_unavailable()) {
      budget.max_unavailable = Scaled(rolling.max_unavailable(), desired);
    }
    if (rolling.has_max_surge()) budget.max_surge = Scaled(rolling.max_surge(), desired);
  }
  if (budget.max_unavailable == 0 && budget.max_surge == 0) budget.max_unavailable = 1;
  return budget;
}

bool AllowsSurge(const v1::DaemonSet& daemon_set) { return BudgetOf(daemon_set, 1).max_surge > 0; }

}  // namespace muster::coordinator
