#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "agent/enrol/join_request.h"
#include "common/base/clock.h"

namespace muster::agent {

struct JoinOptions {
  JoinFlags flags;
  std::string config_path = "/etc/muster/agent.yaml";
  std::string state_dir = "/var/lib/muster/agent";
  std::string network;                        // Setting of this name; empty: as it is in the file.
  std::chrono::milliseconds timeout{30'000};  // For each of the two conversations.
};
struct JoinResult {
  std::string node_name;
  WallTime certificate_ends;
};

// "muster-agent join": makes this host a node of the coordinator's fleet.
//
// The key is made here and stays here. The coordinator is known by the hash of its CA, so nothing
// is sent before it has shown that; then the token buys a certificate for the key, and what the
// agent needs is written: key, certificate and CA below the state directory, and in the settings
// file "coordinator", "nodeName", and "stateDir" and "network" where they are asked for. Its other
// settings stay.
//
// May be killed at any moment and run again, with the same token too. Run again later it renews the
// certificate. Errors are sentences for the user: InvalidArgument (flags), Unavailable and
// DeadlineExceeded (cannot reach it), PermissionDenied (not the pinned CA), FailedPrecondition
// (clocks differ; the settings file has to be edited by hand), Unauthenticated (the token),
// AlreadyExists (the name). Blocks; makes threads of gRPC.
absl::StatusOr<JoinResult> Join(const JoinOptions& options, const Clock& clock);

}  // namespace muster::agent
