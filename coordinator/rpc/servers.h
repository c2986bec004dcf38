#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/statusor.h"
#include "common/pki/grpc_credentials.h"
#include "coordinator/rpc/acceptor.h"

namespace grpc {
class Server;
class ServerCredentials;
class Service;
namespace experimental {
class ExternalConnectionAcceptor;
}
}  // namespace grpc

namespace muster::coordinator {

// The gRPC servers of a coordinator: one for the network, always with TLS, and two for the
// connections of the local admin socket, so that what a connection may do is settled by where it
// was handed to. Thread-safe. The services outlive it.
class RpcServers {
 public:
  struct Options {
    std::string listen;                  // "host:port"; port 0 takes a free one.
    ConnectionGate::Options gate;        // Of the network's server.
    pki::ServerIdentitySource identity;  // Of the network's server, for each connection.
    grpc::Service* sessions = nullptr;
    grpc::Service* remote_admin = nullptr;  // Null: nobody administers over the network.
    grpc::Service* local_admin = nullptr;
    grpc::Service* local_viewer = nullptr;
    // Of one message that comes over the network. Those of the local socket may be 64 MiB.
    int64_t message_bytes_max = 16 << 20;
  };

  // Unavailable when the address cannot be had. Nobody is let in from the network before LetIn.
  // Also makes what gRPC itself logs ours, at level debug: for it every scanner that does not speak
  // TLS is an error.
  static absl::StatusOr<std::unique_ptr<RpcServers>> Start(const Options& options);
  ~RpcServers();

  void LetIn();
  int port() const { return acceptor_->port(); }
  // Who is at the other end of a connection, by gRPC's name of the peer: one that has not said so
  // in time is cut.
  void Known(std::string_view grpc_peer, std::string identity) {
    acceptor_->Known(grpc_peer, std::move(identity));
  }
  // A connection to local_admin, or else to local_viewer. Takes over the descriptor.
  void AddLocalConnection(int fd, bool trusted);
  // No new calls; those that are still there after `patience` are cancelled. Returns when all are
  // over, so whoever finishes them has to go on doing so meanwhile.
  void Shutdown(std::chrono::milliseconds patience);

 private:
  RpcServers(std::shared_ptr<grpc::ServerCredentials> credentials,
             std::unique_ptr<grpc::Server> tls, std::unique_ptr<grpc::Server> local_admin,
             std::unique_ptr<grpc::Server> local_viewer, std::unique_ptr<Acceptor> acceptor,
             std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> door);

  const std::shared_ptr<grpc::ServerCredentials> credentials_;  // As long as tls_.
  const std::unique_ptr<grpc::Server> tls_;
  const std::unique_ptr<grpc::Server> local_admin_, local_viewer_;
  const std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> door_;
  std::unique_ptr<Acceptor> acceptor_;  // The first to go.
};

}  // namespace muster::coordinator
