#pragma once

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "ctl/client/admin_client.h"

namespace muster::ctl {

// Carries bytes between a connected TCP socket and one call of the coordinator, both ways at once,
// each with an end of its own: a half-closed connection stays one. Neither way reads on before what
// it read has been taken, so a slow reader holds back the far end. Returns when both ways have
// ended or the call has; the socket is reset, not closed in peace, when it was not the far end that
// ended it. `stream` has had its start. Blocks; takes a thread of its own meanwhile.
//
// A program that does not read is waited for, also when the call has ended: what was sent is its. A
// shutdown of the socket ends that.
//
// The error is the far end's. One of the local program is its own affair and OK.
absl::Status CarryConnection(int socket, AdminClient::ForwardStream& stream);

}  // namespace muster::ctl
