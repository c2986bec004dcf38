#pragma once

#include <cstdint>
#include <string>

namespace muster::agent {

// Does a process in this network namespace wait for clients on this port ("TCP" or "UDP"), on this
// address or on one of them ("" is every address, "0.0.0.0" every IPv4 address, "::" every IPv6
// address)? False, too, when the kernel does not tell.
bool IsListening(const std::string& protocol, const std::string& ip, uint16_t port);

}  // namespace muster::agent
