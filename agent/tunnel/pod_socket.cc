#include "agent/tunnel/pod_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr std::chrono::seconds kConnectLimit{10};

// The families in which a server of the pod may listen, in the order in which they are tried.
struct Loopback {
  int family;
  const char* name;
};
constexpr Loopback kLoopbacks[] = {{AF_INET, "127.0.0.1"}, {AF_INET6, "::1"}};

int NewSocket(int family) {
  return ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

// A namespace is a thread's, and gRPC may run its own work on any thread that calls it. So a thread
// that does nothing else goes there.
absl::StatusOr<OwnedFd> SocketIn(const std::string& network_path, int family) {
  if (network_path.empty()) {
    OwnedFd socket(NewSocket(family));
    if (socket.get() < 0) return absl::ErrnoToStatus(errno, "a socket");
    return socket;
  }
  const OwnedFd network(::open(network_path.c_str(), O_RDONLY | O_CLOEXEC));
  if (network.get() < 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("the network of the pod, ", network_path));
  }
  int fd = -1, error = 0;
  const char* what = "";
  std::thread([&] {
    if (::setns(network.get(), CLONE_NEWNET) != 0) {
      what = "entering the network of the pod";
    } else if (fd = NewSocket(family); fd < 0) {
      what = "a socket in the network of the pod";
    }
    error = errno;
  }).join();
  if (fd < 0) return absl::ErrnoToStatus(error, what);
  return OwnedFd(fd);
}

// 0 or what went wrong. ECANCELED: the peer is gone.
int Connect(int fd, const Loopback& loopback, int port, const TunnelPeer& peer) {
  sockaddr_storage storage{};
  socklen_t length = 0;
  if (loopback.family == AF_INET) {
    auto* to = reinterpret_cast<sockaddr_in*>(&storage);
    to->sin_family = AF_INET;
    to->sin_port = htons(static_cast<uint16_t>(port));
    to->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    length = sizeof *to;
  } else {
    auto* to = reinterpret_cast<sockaddr_in6*>(&storage);
    to->sin6_family = AF_INET6;
    to->sin6_port = htons(static_cast<uint16_t>(port));
    to->sin6_addr = in6addr_loopback;
    length = sizeof *to;
  }
  if (::connect(fd, reinterpret_cast<sockaddr*>(&storage), length) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  const auto until = std::chrono::steady_clock::now() + kConnectLimit;
  for (;;) {
    // Input that came early stays where it is, so the peer is looked at now and then.
    pollfd wait{fd, POLLOUT, 0};
    const int ready = ::poll(&wait, 1, 200);
    if (peer.gone()) return ECANCELED;
    if (ready > 0) break;
    if (std::chrono::steady_clock::now() > until) return ETIMEDOUT;
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

}  // namespace

OwnedFd::OwnedFd(OwnedFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}

OwnedFd& OwnedFd::operator=(OwnedFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

OwnedFd::~OwnedFd() {
  if (fd_ >= 0) ::close(fd_);
}

absl::StatusOr<OwnedFd> ConnectInPod(const std::string& network_path, int port,
                                     const TunnelPeer& peer) {
  if (port < 1 || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("port ", port, " is not between 1 and 65535"));
  }
  std::string tried;
  for (const Loopback& loopback : kLoopbacks) {
    absl::StatusOr<OwnedFd> socket = SocketIn(network_path, loopback.family);
    if (!socket.ok() && loopback.family != AF_INET) break;  // A host without IPv6.
    if (!socket.ok()) return socket.status();
    const int error = Connect(socket->get(), loopback, port, peer);
    if (error == ECANCELED) return absl::CancelledError("the user went away");
    if (error == 0) {
      const int on = 1;
      ::setsockopt(socket->get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      return socket;
    }
    // The first address says why; the second one is rarely there.
    if (tried.empty()) tried = absl::StrCat(loopback.name, ":", port, ": ", ::strerror(error));
  }
  return absl::FailedPreconditionError(absl::StrCat("cannot connect inside the pod to ", tried));
}

}  // namespace muster::agent
