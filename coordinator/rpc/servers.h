#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/pki/grpc_credentials.h"

namespace grpc {
class Server;
class ServerCredentials;
class Service;
}  // namespace grpc

namespace muster::coordinator {

// The gRPC servers of a coordinator: one for the network, always with TLS, and two for the
// connections of the local admin socket, so that what a connection may do is settled by where it
// was handed to. Thread-safe. The services outlive it.
class RpcServers {
 public:
  struct Options {
    std::string listen;                  // "host:port"; port 0 takes a free one.
    pki::ServerIdentitySource identity;  // Of the network's server, for each connection.
    grpc::Service* sessions = nullptr;
    grpc::Service* remote_admin = nullptr;  // Null: nobody administers over the network.
    grpc::Service* local_admin = nullptr;
    grpc::Service* local_viewer = nullptr;
    // Of one message that comes over the network. Those of the local socket may be 64 MiB.
    int64_t message_bytes_max = 16 << 20;
  };

  // Unavailable when the address cannot be had. Also makes what gRPC itself logs ours, at level
  // debug: for it every scanner that does not speak TLS is an error.
  static absl::StatusOr<std::unique_ptr<RpcServers>> Start(const Options& options);
  ~RpcServers();

  int port() const { return port_; }
  // A connection to local_admin, or else to local_viewer. Takes over the descriptor.
  void AddLocalConnection(int fd, bool trusted);
  // No new calls; those that are still there after `patience` are cancelled. Returns when all are
  // over, so whoever finishes them has to go on doing so meanwhile.
  void Shutdown(std::chrono::milliseconds patience);

 private:
  RpcServers(std::shared_ptr<grpc::ServerCredentials> credentials,
             std::unique_ptr<grpc::Server> tls, std::unique_ptr<grpc::Server> local_admin,
             std::unique_ptr<grpc::Server> local_viewer, int port);

  const std::shared_ptr<grpc::ServerCredentials> credentials_;  // As long as tls_.
  const std::unique_ptr<grpc::Server> tls_;
  const std::unique_ptr<grpc::Server> local_admin_, local_viewer_;
  const int port_;
};

}  // namespace muster::coordinator
