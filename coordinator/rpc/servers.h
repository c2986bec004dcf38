#pragma once

#include <chrono>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/pki/grpc_credentials.h"

namespace grpc {
class Server;
class Service;
}  // namespace grpc

namespace muster::coordinator {

// The two gRPC servers of a coordinator: one for the network, always with TLS, and one for the
// connections of the local admin socket. Thread-safe. The services outlive it.
class RpcServers {
 public:
  struct Options {
    std::string listen;  // "host:port"; port 0 takes a free one.
    pki::ServerIdentity identity;
    grpc::Service* sessions = nullptr;
    grpc::Service* remote_admin = nullptr;
    grpc::Service* local_admin = nullptr;
  };

  // Unavailable when the address cannot be had. Also makes what gRPC itself logs ours, at level
  // debug: for it every scanner that does not speak TLS is an error.
  static absl::StatusOr<std::unique_ptr<RpcServers>> Start(const Options& options);
  ~RpcServers();

  int port() const { return port_; }
  // A connection to the local service. Takes over the descriptor.
  void AddLocalConnection(int fd);
  // No new calls; those that are still there after `patience` are cancelled. Returns when all are
  // over, so whoever finishes them has to go on doing so meanwhile.
  void Shutdown(std::chrono::milliseconds patience);

 private:
  RpcServers(std::unique_ptr<grpc::Server> tls, std::unique_ptr<grpc::Server> local, int port);

  const std::unique_ptr<grpc::Server> tls_;
  const std::unique_ptr<grpc::Server> local_;
  const int port_;
};

}  // namespace muster::coordinator
