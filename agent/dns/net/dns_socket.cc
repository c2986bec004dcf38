#include "agent/dns/net/dns_socket.h"

#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr int kBacklog = 64;

absl::Status Failed(const char* what, const IpAddress& address, uint16_t port) {
  return absl::ErrnoToStatus(errno, absl::StrCat(what, " ", ToText(address), " port ", port));
}

absl::StatusOr<DnsSocket> Open(const IpAddress& address, int type) {
  DnsSocket socket(
      ::socket(address.v6 ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.fd() < 0) return absl::ErrnoToStatus(errno, "socket");
  const int on = 1;
  if (address.v6) (void)::setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  return socket;
}

absl::StatusOr<DnsSocket> Listen(const IpAddress& address, uint16_t port, int type) {
  MUSTER_ASSIGN_OR_RETURN(DnsSocket socket, Open(address, type));
  const int on = 1;
  // So that an agent that is started again need not wait for old connections.
  if (type == SOCK_STREAM) {
    (void)::setsockopt(socket.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  }
  const SocketAddress at = MakeAddress(address, port);
  if (::bind(socket.fd(), reinterpret_cast<const sockaddr*>(&at.storage), at.size) != 0) {
    return Failed("listening at", address, port);
  }
  if (type == SOCK_STREAM && ::listen(socket.fd(), kBacklog) != 0) {
    return Failed("listening at", address, port);
  }
  return socket;
}

absl::StatusOr<DnsSocket> Connect(const IpAddress& server, uint16_t port, int type) {
  MUSTER_ASSIGN_OR_RETURN(DnsSocket socket, Open(server, type));
  const SocketAddress to = MakeAddress(server, port);
  if (::connect(socket.fd(), reinterpret_cast<const sockaddr*>(&to.storage), to.size) != 0 &&
      errno != EINPROGRESS) {
    return Failed("connecting to", server, port);
  }
  return socket;
}

}  // namespace

DnsSocket::~DnsSocket() {
  if (fd_ >= 0) ::close(fd_);
}

DnsSocket& DnsSocket::operator=(DnsSocket&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.Release();
  }
  return *this;
}

int DnsSocket::Release() { return std::exchange(fd_, -1); }

SocketAddress MakeAddress(const IpAddress& address, uint16_t port) {
  SocketAddress made;
  if (address.v6) {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&made.storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    std::memcpy(&v6->sin6_addr, address.bytes.data(), 16);
    made.size = sizeof(sockaddr_in6);
  } else {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&made.storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    std::memcpy(&v4->sin_addr, address.bytes.data(), 4);
    made.size = sizeof(sockaddr_in);
  }
  return made;
}

absl::StatusOr<DnsSocket> ListenUdp(const IpAddress& address, uint16_t port) {
  return Listen(address, port, SOCK_DGRAM);
}

absl::StatusOr<DnsSocket> ListenTcp(const IpAddress& address, uint16_t port) {
  return Listen(address, port, SOCK_STREAM);
}

absl::StatusOr<DnsSocket> ConnectUdp(const IpAddress& server, uint16_t port) {
  return Connect(server, port, SOCK_DGRAM);
}

absl::StatusOr<DnsSocket> ConnectTcp(const IpAddress& server, uint16_t port) {
  return Connect(server, port, SOCK_STREAM);
}

std::string Framed(std::string_view message) {
  std::string framed;
  framed.push_back(static_cast<char>(message.size() >> 8));
  framed.push_back(static_cast<char>(message.size() & 0xff));
  framed.append(message);
  return framed;
}

}  // namespace muster::agent
