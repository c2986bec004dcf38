#pragma once

#include <functional>
#include <memory>
#include <string>

namespace grpc {
class ChannelCredentials;
class ServerCredentials;
}  // namespace grpc

namespace muster::pki {

struct ServerIdentity {
  std::string ca_pem;           // Whom client certificates have to come from.
  std::string certificate_pem;  // Followed by the CA's, so that joining nodes can pin it.
  std::string key_pem;
};
struct ClientIdentity {
  std::string ca_pem;
  std::string certificate_pem, key_pem;  // Both empty: only the server proves who it is.
};

// From now on gRPC speaks TLS 1.3 only in this process, as server and as client. It has no setting
// of its own for that; but it lets one name the cipher suites of TLS 1.2, and here that is one
// which needs a secret that was shared before, so that nobody ever agrees on it. Call it at the
// beginning of main, before there are threads.
void RequireTls13();

// Called for every connection; the same pointer means that nothing has changed. On any thread.
using ServerIdentitySource = std::function<std::shared_ptr<const ServerIdentity>()>;

// A client certificate is asked for and checked when there is one; who needs one says so per call.
// With a source, what it gives holds for the next connection; those that are there stay. Whoever
// has the server keeps these credentials until after it: it does not.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(ServerIdentitySource source);
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const ServerIdentity& identity);

// Use with SetSslTargetNameOverride(kCoordinatorDnsName): the fleet's own CA is pinned, so the
// certificate's fixed name holds at any address.
std::shared_ptr<grpc::ChannelCredentials> ClientChannelCredentials(const ClientIdentity& identity);

}  // namespace muster::pki
