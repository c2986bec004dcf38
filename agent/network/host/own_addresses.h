#pragma once

#include <vector>

#include "absl/status/status.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// Addresses that are this host's alone, on its loopback interface: pods reach them by way of the
// host, and nobody else does. They stay when the agent ends, so that an update of it takes nobody's
// name server away. Idempotent.
absl::Status AddOwnAddress(const IpAddress& address);
absl::Status RemoveOwnAddress(const IpAddress& address);

}  // namespace muster::agent
