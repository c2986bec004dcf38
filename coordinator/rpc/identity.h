#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace grpc {
class ServerContextBase;
}

namespace muster::coordinator {

// Who calls, by the client certificate, which gRPC has checked against our CA. Both answers are
// Unauthenticated without a certificate and PermissionDenied with somebody else's.

// The node's name when the certificate is that of a node (CN=system:node:NAME).
absl::StatusOr<std::string> NodeOf(const grpc::ServerContextBase& context);
// OK for an administrator's certificate (O=muster:admins).
absl::Status CheckAdmin(const grpc::ServerContextBase& context);

}  // namespace muster::coordinator
