#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "muster/v1/node.pb.h"

namespace muster::agent {

// The command line of "muster-agent join", as it was written.
struct JoinFlags {
  std::string coordinator;          // HOST:PORT
  std::string token;                // ID.SECRET
  std::string ca_hash;              // sha256:HEX
  std::string node_name;            // Empty: the host's, in lower case.
  std::vector<std::string> labels;  // KEY=VALUE
  std::vector<std::string> taints;  // KEY[=VALUE]:EFFECT
};

// What is asked of the coordinator.
struct JoinRequest {
  std::string node_name;
  std::map<std::string, std::string> labels;
  std::vector<v1::Taint> taints;
};

// `host_name` and `machine` are uname's. Adds the labels for operating system and architecture
// unless there are such. InvalidArgument with all that is wrong with the flags. Pure.
absl::StatusOr<JoinRequest> MakeJoinRequest(const JoinFlags& flags, const std::string& host_name,
                                            const std::string& machine);

}  // namespace muster::agent
