#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// The sockets of name servers and of who asks them: none of them ever blocks.

// Owns a descriptor.
class DnsSocket {
 public:
  DnsSocket() = default;
  explicit DnsSocket(int fd) : fd_(fd) {}
  ~DnsSocket();
  DnsSocket(DnsSocket&& other) noexcept : fd_(other.Release()) {}
  DnsSocket& operator=(DnsSocket&& other) noexcept;

  int fd() const { return fd_; }
  int Release();

 private:
  int fd_ = -1;
};

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
};
SocketAddress MakeAddress(const IpAddress& address, uint16_t port);

// Bound to the address and, for TCP, listening.
absl::StatusOr<DnsSocket> ListenUdp(const IpAddress& address, uint16_t port);
absl::StatusOr<DnsSocket> ListenTcp(const IpAddress& address, uint16_t port);
// To a server, from a port that nobody can guess; a TCP connection may still be under way.
absl::StatusOr<DnsSocket> ConnectUdp(const IpAddress& server, uint16_t port);
absl::StatusOr<DnsSocket> ConnectTcp(const IpAddress& server, uint16_t port);

// A message behind its length, as TCP carries it.
std::string Framed(std::string_view message);

}  // namespace muster::agent
