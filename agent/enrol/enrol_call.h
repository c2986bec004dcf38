#pragma once

#include <chrono>
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

// The certificate. Errors are the coordinator's own; Unavailable and DeadlineExceeded also when it
// cannot be talked to. Blocks.
absl::StatusOr<std::string> CallEnrol(const EnrolCall& call);

}  // namespace muster::agent
