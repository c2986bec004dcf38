#pragma once

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/network/pod_network.h"

namespace muster::agent {

// Routes with our number in the main table of this network namespace. No other is ever touched.
absl::StatusOr<std::vector<PodRoute>> OwnRoutes();
// Unavailable: the gateway is on no network of this host. AlreadyExists: somebody else has a route
// to there.
absl::Status AddRoute(const PodRoute& route);
// OK when it is not there.
absl::Status RemoveRoute(const PodRoute& route);

}  // namespace muster::agent
