#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"

namespace muster::agent {

// Asks the agent that runs on this host, on its socket, and returns what it answers. Blocks.
// Unavailable: none runs there. PermissionDenied: it does not let us in. DeadlineExceeded: it does
// not answer.
absl::StatusOr<std::string> AskAgent(const std::string& socket_path, const std::string& path,
                                     std::chrono::seconds patience);

// Where the socket is, in the agent's directory below /run.
std::string AgentSocketPath(const std::string& run_dir);

}  // namespace muster::agent
