#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "ctl/client/admin_client.h"

namespace muster::ctl {

// How this process's standard streams are joined with those of a process in a container.
struct Conversation {
  bool stdin = false;
  bool tty = false;  // Both ends are terminals: keys go over as they are, and so do sizes.
};

// Blocks the signal that tells of a terminal's new size, so that Converse can wait for it. Before
// the first call of the client: the threads that it makes would take the signal and drop it.
void HoldResizeSignal();

// Carries bytes between this process's standard streams and `stream`, which has had its start,
// until the far end is over. Returns the exit code that came last, or what went wrong; Cancelled
// when nobody reads our output any more. The terminal is put back whatever happens. Reads and
// writes file descriptors 0, 1 and 2 directly.
absl::StatusOr<int> Converse(const Conversation& conversation, AdminClient::ExecStream& stream);

}  // namespace muster::ctl
