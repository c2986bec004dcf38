#include "common/pki/grpc_credentials.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/server_credentials.h>

#include <cstdlib>
#include <utility>

namespace muster::pki {
namespace {

// gRPC's C++ interface fixes an identity for the life of a server; its C interface asks for each
// connection.
class ChangingCredentials final : public grpc::ServerCredentials {
 public:
  explicit ChangingCredentials(ServerIdentitySource source)
      : source_(std::move(source)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY, &Fetch, this))) {}
  ~ChangingCredentials() override { grpc_server_credentials_release(credentials_); }

  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  // gRPC calls it with a lock of its own, so never twice at once for the one port that we listen
  // on.
  static grpc_ssl_certificate_config_reload_status Fetch(
      void* self, grpc_ssl_server_certificate_config** config) {
    auto& credentials = *static_cast<ChangingCredentials*>(self);
    std::shared_ptr<const ServerIdentity> identity = credentials.source_();
    if (identity == credentials.given_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
    const grpc_ssl_pem_key_cert_pair pair = {identity->key_pem.c_str(),
                                             identity->certificate_pem.c_str()};
    *config = grpc_ssl_server_certificate_config_create(identity->ca_pem.c_str(), &pair, 1);
    credentials.given_ = std::move(identity);
    return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
  }

  const ServerIdentitySource source_;
  std::shared_ptr<const ServerIdentity> given_;
  grpc_server_credentials* const credentials_;
};

}  // namespace

void RequireTls13() {
  ::setenv("GRPC_SSL_CIPHER_SUITES", "PSK-AES256-GCM-SHA384", /*overwrite=*/1);
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(ServerIdentitySource source) {
  return std::make_shared<ChangingCredentials>(std::move(source));
}

std::shared_ptr<grpc::ServerCredentials> MakeServerCredentials(const ServerIdentity& identity) {
  grpc::SslServerCredentialsOptions options(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = identity.ca_pem;
  options.pem_key_cert_pairs.push_back({identity.key_pem, identity.certificate_pem});
  return grpc::SslServerCredentials(options);
}

std::shared_ptr<grpc::ChannelCredentials> ClientChannelCredentials(const ClientIdentity& identity) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = identity.ca_pem;
  options.pem_private_key = identity.key_pem;
  options.pem_cert_chain = identity.certificate_pem;
  return grpc::SslCredentials(options);
}

}  // namespace muster::pki
