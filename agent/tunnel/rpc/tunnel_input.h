#pragma once

#include "agent/tunnel/tunnel_peer.h"
#include "muster/session/v1/session.pb.h"

namespace muster::agent {

// What a message of the user's end says. Nothing of what this version does not know. Pure.
TunnelInput InputFrom(session::v1::TunnelToAgent message);

}  // namespace muster::agent
