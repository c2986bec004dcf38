#include "agent/local/loopback_listener.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

constexpr int kBacklog = 16;

struct Address {
  sockaddr_storage storage = {};
  socklen_t size = 0;
};

absl::StatusOr<Address> Parse(const std::string& text) {
  const absl::Status wrong = absl::InvalidArgumentError(absl::StrCat(
      "\"", text, "\" is no address of this host's loopback and a port, such as 127.0.0.1:7442"));
  const size_t colon = text.rfind(':');
  int port = -1;
  if (colon == std::string::npos || !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 0 ||
      port > 65535) {
    return wrong;
  }
  std::string host = text.substr(0, colon);
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (::inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(port));
    address.size = sizeof *v4;
    if ((ntohl(v4->sin_addr.s_addr) >> 24) != 127) return wrong;
    return address;
  }
  if (host.size() < 3 || host.front() != '[' || host.back() != ']') return wrong;
  host = host.substr(1, host.size() - 2);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (::inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) != 1 ||
      !IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr)) {
    return wrong;
  }
  v6->sin6_family = AF_INET6;
  v6->sin6_port = htons(static_cast<uint16_t>(port));
  address.size = sizeof *v6;
  return address;
}

}  // namespace

absl::StatusOr<std::unique_ptr<LoopbackListener>> LoopbackListener::Listen(
    const std::string& text, EventLoop& loop, OnConnection on_connection) {
  MUSTER_ASSIGN_OR_RETURN(const Address address, Parse(text));
  const int fd = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return absl::ErrnoToStatus(errno, "cannot make a socket");
  std::unique_ptr<LoopbackListener> listener(new LoopbackListener(fd, std::move(on_connection)));
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address.storage), address.size) != 0 ||
      ::listen(fd, kBacklog) != 0) {
    return absl::UnavailableError(
        absl::StrCat("cannot listen on ", text, ": ", std::strerror(errno)));
  }
  MUSTER_ASSIGN_OR_RETURN(listener->source_,
                          loop.OnReadable(fd, [l = listener.get()] { l->Accept(); }));
  return listener;
}

LoopbackListener::LoopbackListener(int fd, OnConnection on_connection)
    : fd_(fd), on_connection_(std::move(on_connection)) {}

LoopbackListener::~LoopbackListener() {
  source_.reset();
  ::close(fd_);
}

int LoopbackListener::port() const {
  sockaddr_storage storage = {};
  socklen_t size = sizeof storage;
  if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  return ntohs(storage.ss_family == AF_INET
                   ? reinterpret_cast<const sockaddr_in*>(&storage)->sin_port
                   : reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port);
}

void LoopbackListener::Accept() {
  const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) return on_connection_(fd);
  if (errno != EAGAIN && errno != ECONNABORTED && errno != EINTR) {
    spdlog::error("metrics: cannot accept: {}", std::strerror(errno));
  }
}

}  // namespace muster::agent
