#pragma once

#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// What a program on this host sends to 127.0.0.1 does not leave by an interface unless that one has
// route_localnet, a switch of the kernel's. (IPv6 has none: from ::1 there is no way to a pod.)

// Switches it on for the interfaces by which these addresses are reached; adds those to `ours` that
// did not have it. IPv6 addresses are left out.
absl::Status OpenLoopbackWays(const std::vector<IpAddress>& to, std::set<std::string>& ours);
// Switches it off again. Interfaces that are gone are fine.
absl::Status CloseLoopbackWays(const std::set<std::string>& ours);

}  // namespace muster::agent
