#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/authz/identity.h"
#include "coordinator/enrol/user_store.h"

namespace grpc {
class ServerContextBase;
}

namespace muster::coordinator {

// Who makes a call, and with what powers at this moment.

// Over the network: its certificate says who it is, and the store what that person may do now.
// Unauthenticated without a certificate, with one whose time is over or whose CA is not in the
// bundle `trusted_pem` by now (gRPC looked when the connection was made), or without such a user
// (any more); PermissionDenied with a certificate that is not a person's.
absl::StatusOr<Identity> RemoteCaller(const grpc::ServerContextBase& context,
                                      const UserStore& users, std::string_view trusted_pem,
                                      WallTime now);

// At the local socket, where powers follow from what the kernel said when the connection came.
Identity LocalCaller(std::string name, Role role);

}  // namespace muster::coordinator
