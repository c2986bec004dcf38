#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace grpc {
class ServerContextBase;
}

namespace muster::coordinator {

// Who calls, by the client certificate, which gRPC has checked against our CA. Both answers are
// Unauthenticated without a certificate and PermissionDenied with somebody else's. gRPC checked it
// when the connection was made, which may be long ago: whether it is still good is the caller's to
// ask.

// A node's certificate (CN=system:node:NAME, O=system:nodes). Whether the name is still that key's
// is for the store to say.
struct NodeCertificate {
  std::string name;
  std::string key_hash;  // sha256:HEX
  std::string pem;       // The certificate itself.
  WallTime not_after;
};
absl::StatusOr<NodeCertificate> NodeOf(const grpc::ServerContextBase& context);
// The certificate of a person (O=muster:users). What that person may is not in it.
struct UserCertificate {
  std::string name;
  std::string key_hash;  // sha256:HEX
  std::string pem;
  WallTime not_after;
};
absl::StatusOr<UserCertificate> UserOf(const grpc::ServerContextBase& context);

}  // namespace muster::coordinator
