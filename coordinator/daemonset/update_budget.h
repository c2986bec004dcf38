#pragma once

#include <cstdint>

#include "muster/v1/workload.pb.h"

namespace muster::coordinator {

// How many nodes a rolling update may disturb at once. A plain value.
struct UpdateBudget {
  int32_t max_unavailable = 0;
  int32_t max_surge = 0;
};

// Kubernetes' rules: a percentage is one of `desired` nodes, rounded up; both zero counts as
// maxUnavailable 1. Values that validation refuses count as zero.
UpdateBudget BudgetOf(const v1::DaemonSet& daemon_set, int32_t desired);

bool IsRollingUpdate(const v1::DaemonSet& daemon_set);
// RollingUpdate with a maxSurge that is more than zero.
bool AllowsSurge(const v1::DaemonSet& daemon_set);

}  // namespace muster::coordinator
