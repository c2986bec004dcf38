#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "agent/tunnel/tunnel_peer.h"

namespace muster::agent {

// A file descriptor that is closed with its owner.
class OwnedFd {
 public:
  explicit OwnedFd(int fd = -1) : fd_(fd) {}
  OwnedFd(OwnedFd&& other) noexcept;
  OwnedFd& operator=(OwnedFd&& other) noexcept;
  OwnedFd(const OwnedFd&) = delete;
  OwnedFd& operator=(const OwnedFd&) = delete;
  ~OwnedFd();
  int get() const { return fd_; }

 private:
  int fd_;
};

// A TCP connection to `port` of the loopback addresses, 127.0.0.1 first and then ::1, of the
// network that the file `network_path` stands for (that of a pod's sandbox); empty: of this
// process' own.
//
// The socket belongs to that network for good, whoever uses it; no thread of this process stays
// there. Returns Cancelled when the peer goes away, FailedPrecondition with the reason when nobody
// takes the connection, NotFound when there is no such network (any more). Blocks.
absl::StatusOr<OwnedFd> ConnectInPod(const std::string& network_path, int port,
                                     const TunnelPeer& peer);

}  // namespace muster::agent
