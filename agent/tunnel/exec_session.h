#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/tunnel/tunnel_peer.h"

namespace muster::agent {

// Attaches `peer` to an exec that the runtime has prepared at `url` (of its streaming server), and
// carries its input and output until the command ends. Returns the exit code; Cancelled when the
// peer went away, which leaves the command without its terminal or pipes, as when a connection
// breaks. Blocks; one call per thread.
//
// A command that closed its output may live on, and its exit code may come late. But containerd 1.6
// can lose the code for ever when a command ends at once and leaves much of its input unread: the
// copy of the input waits for room in a pipe that nobody reads any more, and the answer for that
// copy. So with stdin the code is waited for no longer than `code_limit` after the last output
// has ended; DataLoss then.
constexpr std::chrono::seconds kExitCodeLimit{10};
absl::StatusOr<int32_t> RunExec(const std::string& url, bool with_stdin, bool tty, TunnelPeer& peer,
                                std::chrono::milliseconds code_limit = kExitCodeLimit);

// "http://127.0.0.1:41234/exec/TOKEN" taken apart.
struct StreamingAddress {
  std::string host, port, path;
};
// InvalidArgument when it is none; Unimplemented for https.
absl::StatusOr<StreamingAddress> ParseStreamingUrl(const std::string& url);

}  // namespace muster::agent
