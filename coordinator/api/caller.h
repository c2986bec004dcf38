#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/authz/identity.h"
#include "coordinator/enrol/user_store.h"

namespace grpc {
class ServerContextBase;
}

namespace muster::coordinator {

// Who makes a call, and with what powers at this moment.

// Over the network: its certificate, which gRPC has checked against our CA, says who it is, and the
// store what that person may do now. Unauthenticated without a certificate or without such a user
// (any more); PermissionDenied with a certificate that is not a person's.
absl::StatusOr<Identity> RemoteCaller(const grpc::ServerContextBase& context,
                                      const UserStore& users, WallTime now);

// At the local socket, where powers follow from what the kernel said when the connection came.
Identity LocalCaller(std::string name, Role role);

}  // namespace muster::coordinator
