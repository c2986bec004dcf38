#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "agent/enrol/join_request.h"

namespace muster::agent {

// One call of Enrol on the coordinator.
struct EnrolCall {
  std::string coordinator;  // HOST:PORT
  std::string ca_pem;       // Who the coordinator has to be.
  std::chrono::milliseconds timeout;
  std::string token, csr_pem;
  JoinRequest request;
};

struct RenewedCertificate {
  std::string certificate_pem;
  std::string ca_pem;  // All that are to be trusted.
};

// Errors are the coordinator's own; Unavailable and DeadlineExceeded also when it cannot be talked
// to. Blocks.
absl::StatusOr<RenewedCertificate> CallEnrol(const EnrolCall& call);

// One call of Renew. It is the request's signature that counts, so the connection has no client
// certificate: one that has expired would be none.
struct RenewCall {
  std::string node_name, csr_pem;
  std::string ca_pem;  // Who the coordinator has to be.
};

// Makes such calls, one at a time, without blocking.
class RenewClient {
 public:
  using Done = std::function<void(absl::StatusOr<RenewedCertificate>)>;

  explicit RenewClient(std::string coordinator);
  // Ends the call that is under way, and waits for its end.
  ~RenewClient();
  RenewClient(const RenewClient&) = delete;
  RenewClient& operator=(const RenewClient&) = delete;

  // Only when none is under way. `done` is called on a thread of gRPC; errors as CallEnrol.
  void Start(RenewCall call, Done done);

 private:
  struct State;
  const std::string coordinator_;
  const std::shared_ptr<State> state_;
};

}  // namespace muster::agent
