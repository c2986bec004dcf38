#pragma once

#include <string>
#include <string_view>

namespace muster::coordinator {

// What counts as one address where somebody is known by nothing else: of gRPC's name of a peer
// ("ipv4:1.2.3.4:5", "ipv6:%5B2001:db8::1%5D:5") the IPv4 address, or the /64 that whoever has one
// IPv6 address has all of. Whatever else it is, without what follows the last colon. Pure.
std::string PeerNetworkOf(std::string_view peer);

}  // namespace muster::coordinator
