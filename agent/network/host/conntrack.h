#pragma once

#include <functional>
#include <set>

#include "absl/status/statusor.h"
#include "agent/network/udp_places.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// Has the kernel forget those UDP flows of this network namespace that are stale; returns how many
// these were. The kernel's table is walked as a whole.
absl::StatusOr<int> ForgetUdpFlows(const std::function<bool(const UdpFlow&)>& stale);

// All addresses of this network namespace.
std::set<IpAddress> AddressesHere();

}  // namespace muster::agent
