#pragma once

#include <memory>

#include "agent/probe/net/grpc_health.h"
#include "agent/probe/prober.h"

namespace muster::agent {

// Asks over real sockets. HTTP and TCP attempts share one thread, started with the first of them;
// gRPC has its own. No connection outlives its attempt, no proxy is used, no certificate is
// checked.
class NetProber final : public Prober {
 public:
  NetProber();
  ~NetProber() override;

  void Ask(const NetCall& call, Duration timeout, Done done) override;

 private:
  class Network;
  const std::unique_ptr<Network> network_;
  GrpcHealth grpc_health_;
};

}  // namespace muster::agent
