#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace muster::agent {

// The host's mount namespace for a service that systemd has put into one of its own (ProtectSystem=
// and the like). What such a service mounts no runtime sees, so the few threads that work on
// volumes go back. The way is a descriptor that a helper of the unit, which is not confined, puts
// into systemd's store for the service: one that is inside could not open it any more.

// The helper (`ExecStartPre=+`): lends the namespace of process 1. FailedPrecondition when it was
// not started by systemd.
absl::Status LendMounts();

// What the helper lent: a descriptor, which the caller closes, or -1 when the unit has no helper
// and this process is where it mounts for. FailedPrecondition when the unit has one
// (MUSTER_MOUNTS=lent in the environment) and nothing came of it.
absl::StatusOr<int> LentMounts();

// Takes the calling thread there, for good; no other one is moved.
absl::Status EnterMounts(int mounts);

}  // namespace muster::agent
