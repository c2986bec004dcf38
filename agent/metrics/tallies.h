#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "agent/metrics/histogram.h"

namespace muster::agent {

// Of a pod, from being told of it until all its containers run.
inline constexpr double kPodStartBounds[] = {0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120, 300, 600};

// How often the probe of one container gave which answer since the agent began. Plain value.
struct ProbeTally {
  std::string namespace_, pod, container;
  std::string_view probe;  // "Readiness", "Liveness", "Startup"
  uint64_t successes = 0, failures = 0, unknowns = 0;
};

// What the agent counts while it works. Plain value.
struct NodeTallies {
  Histogram pod_starts{kPodStartBounds};
  std::vector<ProbeTally> probes;
  uint64_t sessions = 0;  // With the coordinator, begun.
};

}  // namespace muster::agent
