#pragma once

#include "absl/status/status.h"
#include "agent/tunnel/pod_socket.h"
#include "agent/tunnel/tunnel_peer.h"

namespace muster::agent {

// Carries bytes between `peer` and a connected, non-blocking TCP socket, both ways at once: either
// way may stand still while the other goes on, each with an end of its own, and neither holds more
// than a fixed amount of memory. Returns OK when both ways have ended, Cancelled when the peer went
// away, Aborted when the connection broke. Blocks; one call per thread.
absl::Status RunForward(const OwnedFd& socket, TunnelPeer& peer);

}  // namespace muster::agent
