#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "agent/metrics/call_stats.h"
#include "agent/metrics/tallies.h"
#include "agent/report/node_report.h"
#include "agent/runtime/runtime.h"

namespace muster::agent {

// What a page of metrics is made from.
struct MetricsInput {
  const NodeReport& report;
  const NodeTallies& tallies;
  const CallStats::Calls& calls;
  // An error: it could not be told.
  const absl::StatusOr<std::vector<ContainerStats>>& stats;
};

// In Prometheus' text format. Pure. Containers are named as kubelet names them (labels namespace,
// pod, container), so that dashboards find them; only those of our pods are in it.
std::string MetricsPage(const MetricsInput& input);

}  // namespace muster::agent
