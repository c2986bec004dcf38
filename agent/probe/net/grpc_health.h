#pragma once

#include <memory>

#include "agent/probe/prober.h"

namespace muster::agent {

// Asks gRPC servers by the standard health protocol, without TLS. Every attempt has a connection of
// its own, as for a client that comes new. Thread-safe.
class GrpcHealth {
 public:
  GrpcHealth();
  ~GrpcHealth();  // Cancels what is under way and waits until nobody is called any more.
  GrpcHealth(const GrpcHealth&) = delete;
  GrpcHealth& operator=(const GrpcHealth&) = delete;

  void Check(const GrpcCall& call, Duration timeout, Prober::Done done);

 private:
  struct Attempt;
  class Attempts;
  const std::unique_ptr<Attempts> attempts_;
};

}  // namespace muster::agent
