#pragma once

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

// A client certificate is asked for and checked when there is one; who needs one says so per call.
std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const ServerIdentity& identity);

// Use with SetSslTargetNameOverride(kCoordinatorDnsName): the fleet's own CA is pinned, so the
// certificate's fixed name holds at any address.
std::shared_ptr<grpc::ChannelCredentials> ClientChannelCredentials(const ClientIdentity& identity);

}  // namespace muster::pki
