#include "coordinator/rpc/acceptor.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/macros.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr int kBacklog = 4'096;  // The kernel's own limit may be lower.
constexpr int kAcceptedAtOnceMax = 256;
constexpr auto kNoDescriptorsPause = 50ms;
// While some wait for others to be gone; otherwise nobody cares.
constexpr auto kSweepPause = 20ms;
constexpr auto kSweepAllPause = 200ms;
constexpr auto kSayFullPause = 60s;
// As gRPC has it for the listeners of a server with keepalive: what was sent and is not
// acknowledged for so long ends the connection.
constexpr unsigned kUserTimeoutMs = 4'000;

absl::Status CannotListen(const std::string& listen, const std::string& why) {
  return absl::UnavailableError(
      absl::StrCat("cannot listen on ", listen, ": ", why,
                   ": is the address one of this host, and does no other program listen there?"));
}

int PortOf(int fd) {
  sockaddr_storage address = {};
  socklen_t size = sizeof address;
  if (::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  return address.ss_family == AF_INET6
             ? ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port)
             : ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
}

// Returns -1 with errno set when it does not work.
int ListenAt(const sockaddr* address, socklen_t size) {
  const int fd = ::socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return -1;
  const int on = 1, off = 0;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (address->sa_family == AF_INET6) {
    const in6_addr& any = reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
    // [::] is every address of both families.
    if (std::memcmp(&any, &in6addr_any, sizeof any) == 0) {
      ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off);
    }
  }
  // Connections inherit them.
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  ::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUserTimeoutMs, sizeof kUserTimeoutMs);
  if (::bind(fd, address, size) == 0 && ::listen(fd, kBacklog) == 0) return fd;
  const int error = errno;
  ::close(fd);
  errno = error;
  return -1;
}

std::optional<uint64_t> CookieOf(int fd) {
  uint64_t cookie = 0;
  socklen_t size = sizeof cookie;
  if (::getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) != 0) return std::nullopt;
  return cookie;
}

// IPv4 in IPv6 is IPv4.
std::optional<in_addr> Ipv4Of(const sockaddr_storage& address) {
  if (address.ss_family == AF_INET) return reinterpret_cast<const sockaddr_in&>(address).sin_addr;
  const in6_addr& six = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  if (address.ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&six)) return std::nullopt;
  in_addr four;
  std::memcpy(&four, &six.s6_addr[12], sizeof four);
  return four;
}

std::string Ipv4Text(const in_addr& address) {
  std::array<char, INET_ADDRSTRLEN> text = {};
  return ::inet_ntop(AF_INET, &address, text.data(), text.size());
}

std::string Ipv6Text(const in6_addr& address) {
  std::array<char, INET6_ADDRSTRLEN> text = {};
  return ::inet_ntop(AF_INET6, &address, text.data(), text.size());
}

}  // namespace

std::string PeerKeyOf(const sockaddr_storage& address) {
  if (const std::optional<in_addr> four = Ipv4Of(address)) {
    const in_port_t port = address.ss_family == AF_INET6
                               ? reinterpret_cast<const sockaddr_in6&>(address).sin6_port
                               : reinterpret_cast<const sockaddr_in&>(address).sin_port;
    return absl::StrCat(Ipv4Text(*four), ":", ntohs(port));
  }
  if (address.ss_family != AF_INET6) return "";
  const auto& six = reinterpret_cast<const sockaddr_in6&>(address);
  return absl::StrCat("[", Ipv6Text(six.sin6_addr), "]:", ntohs(six.sin6_port));
}

std::string PeerKeyOf(std::string_view grpc_peer) {
  const size_t colon = grpc_peer.find(':');
  if (colon == std::string_view::npos) return "";
  const std::string_view scheme = grpc_peer.substr(0, colon);
  std::string rest(grpc_peer.substr(colon + 1));
  if (scheme == "ipv4") return rest;
  if (scheme != "ipv6") return "";
  rest = absl::StrReplaceAll(rest, {{"%5B", "["}, {"%5D", "]"}, {"%5b", "["}, {"%5d", "]"}});
  // The interface of a link-local address is not in what the kernel is asked for.
  const size_t zone = rest.find('%'), end = rest.find(']');
  if (zone != std::string::npos && end != std::string::npos && zone < end) {
    rest.erase(zone, end - zone);
  }
  return rest;
}

std::string GateAddressOf(const sockaddr_storage& address) {
  if (const std::optional<in_addr> four = Ipv4Of(address)) return Ipv4Text(*four);
  in6_addr network = reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
  std::fill(std::begin(network.s6_addr) + 8, std::end(network.s6_addr), uint8_t{0});
  return absl::StrCat(Ipv6Text(network), "/64");
}

absl::StatusOr<std::unique_ptr<Acceptor>> Acceptor::Listen(const Options& options) {
  const size_t colon = options.listen.rfind(':');
  if (colon == std::string::npos) return CannotListen(options.listen, "it has no port");
  std::string host = options.listen.substr(0, colon);
  const std::string port = options.listen.substr(colon + 1);
  if (host.size() >= 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  addrinfo hints = {};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error =
      ::getaddrinfo(host.empty() ? nullptr : host.c_str(), port.c_str(), &hints, &found);
  if (error != 0) return CannotListen(options.listen, ::gai_strerror(error));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> addresses(found, &::freeaddrinfo);

  // Owns the descriptors from here on.
  std::unique_ptr<Acceptor> acceptor(new Acceptor(options.gate));
  int failed = 0;
  for (const addrinfo* each = addresses.get(); each != nullptr; each = each->ai_next) {
    sockaddr_storage address = {};
    std::memcpy(&address, each->ai_addr, each->ai_addrlen);
    // A free port is the same one everywhere.
    if (acceptor->port_ != 0) {
      const auto same = htons(static_cast<uint16_t>(acceptor->port_));
      if (address.ss_family == AF_INET6) {
        reinterpret_cast<sockaddr_in6&>(address).sin6_port = same;
      } else {
        reinterpret_cast<sockaddr_in&>(address).sin_port = same;
      }
    }
    int fd = ListenAt(reinterpret_cast<const sockaddr*>(&address), each->ai_addrlen);
    if (fd < 0 && errno == EAFNOSUPPORT && host == "::") {
      // A host without IPv6 still has all its other addresses.
      sockaddr_in any = {};
      any.sin_family = AF_INET;
      any.sin_port = reinterpret_cast<const sockaddr_in6&>(address).sin6_port;
      fd = ListenAt(reinterpret_cast<const sockaddr*>(&any), sizeof any);
    }
    if (fd < 0) {
      failed = errno;
      continue;
    }
    acceptor->listeners_.push_back(fd);
    acceptor->port_ = PortOf(fd);
  }
  // A name may have addresses of a family that the host does not have.
  if (acceptor->listeners_.empty() || failed == EADDRINUSE) {
    return CannotListen(options.listen, std::strerror(failed));
  }
  acceptor->wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (acceptor->wake_fd_ < 0) return absl::ErrnoToStatus(errno, "eventfd");
  return acceptor;
}

Acceptor::~Acceptor() {
  Stop();
  if (wake_fd_ >= 0) ::close(wake_fd_);
}

void Acceptor::Stop() {
  ending_ = true;
  if (thread_.joinable()) {
    ::eventfd_write(wake_fd_, 1);
    thread_.join();
  }
  for (const auto& [id, connection] : connections_) {
    if (!connection.let_in) ::close(connection.fd);
  }
  connections_.clear();
  for (const int fd : listeners_) ::close(fd);
  listeners_.clear();
}

void Acceptor::Begin(OnConnection on_connection) {
  on_connection_ = std::move(on_connection);
  thread_ = std::thread([this] { Run(); });
}

void Acceptor::Known(std::string_view grpc_peer, std::string identity) {
  std::string key = PeerKeyOf(grpc_peer);
  if (key.empty()) return;
  {
    MutexLock lock(&mutex_);
    known_.emplace_back(std::move(key), std::move(identity));
  }
  ::eventfd_write(wake_fd_, 1);
}

void Acceptor::Run() {
  while (!ending_) {
    MonoTime now = std::chrono::steady_clock::now();
    if (paused_until_ && *paused_until_ <= now) paused_until_.reset();
    std::vector<pollfd> polled = {{wake_fd_, POLLIN, 0}};
    // Those that cannot be accepted wait in the kernel.
    if (!paused_until_) {
      for (const int fd : listeners_) polled.push_back({fd, POLLIN, 0});
    }
    std::optional<MonoTime> until = wake_at_;
    if (paused_until_ && (!until || *paused_until_ < *until)) until = paused_until_;
    int wait_ms = -1;
    if (until) {
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(*until - now).count();
      wait_ms = static_cast<int>(std::clamp<int64_t>(wait, 0, 60'000));
    }
    if (::poll(polled.data(), polled.size(), wait_ms) < 0 && errno != EINTR) {
      spdlog::error("cannot wait for connections: {}", std::strerror(errno));
      paused_until_ = now + kNoDescriptorsPause;
      continue;
    }
    uint64_t times = 0;
    ::eventfd_read(wake_fd_, &times);
    now = std::chrono::steady_clock::now();
    TakeKnown();
    for (size_t i = 1; i < polled.size(); ++i) {
      if (polled[i].revents == 0 || AcceptSome(polled[i].fd, now)) continue;
      SayFull("there are no file descriptors left (LimitNOFILE= of the unit)", now);
      Sweep(/*known_too=*/true);
      gate_.GiveOneUp();
      paused_until_ = now + kNoDescriptorsPause;
    }
    Decide(now);
  }
}

bool Acceptor::AcceptSome(int listener, MonoTime now) {
  for (int i = 0; i < kAcceptedAtOnceMax; ++i) {
    sockaddr_storage address = {};
    socklen_t size = sizeof address;
    const int fd = ::accept4(listener, reinterpret_cast<sockaddr*>(&address), &size,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) return false;
      // The others are the fault of one connection that went away.
      if (errno == EAGAIN || errno == EWOULDBLOCK) return true;
      continue;
    }
    // Whose the descriptor was is gone.
    if (const auto old = by_fd_.find(fd); old != by_fd_.end()) {
      const ConnectionGate::Id gone = old->second;
      gate_.Gone(gone);
      Forget(gone);
    }
    const std::optional<uint64_t> cookie = CookieOf(fd);
    std::string peer = PeerKeyOf(address);
    if (!cookie || peer.empty()) {
      ::close(fd);
      continue;
    }
    if (gate_.at_limit() && now - swept_all_at_ >= kSweepAllPause) {
      swept_all_at_ = now;
      Sweep(/*known_too=*/true);
      if (gate_.at_limit()) SayFull("there are as many as there may be", now);
    }
    const ConnectionGate::Id id = ++last_id_;
    by_fd_[fd] = id;
    by_peer_[peer] = id;
    connections_[id] = {fd, *cookie, std::move(peer)};
    gate_.Came(id, GateAddressOf(address), now);
  }
  return true;
}

void Acceptor::TakeKnown() {
  std::vector<std::pair<std::string, std::string>> known;
  {
    MutexLock lock(&mutex_);
    known.swap(known_);
  }
  for (auto& [peer, identity] : known) {
    const auto found = by_peer_.find(peer);
    if (found == by_peer_.end()) continue;
    gate_.Known(found->second, identity);
    connections_.at(found->second).known = true;
  }
}

void Acceptor::Decide(MonoTime now) {
  if (gate_.is_full() && now - swept_at_ >= kSweepPause) {
    swept_at_ = now;
    Sweep(/*known_too=*/false);
  }
  const ConnectionGate::Decision decision = gate_.Decide(now);
  wake_at_ = decision.wake;
  for (const ConnectionGate::Id id : decision.close) {
    if (const auto found = connections_.find(id); found != connections_.end()) {
      ::close(found->second.fd);
      Forget(id);
    }
  }
  for (const ConnectionGate::Id id : decision.cut) {
    if (const auto found = connections_.find(id); found != connections_.end()) {
      Cut(found->second);
      Forget(id);
    }
  }
  for (const ConnectionGate::Id id : decision.let_in) {
    const auto found = connections_.find(id);
    if (found == connections_.end()) continue;
    found->second.let_in = true;
    on_connection_(found->second.fd);
  }
  if (!gate_.is_full()) return;
  SayFull("many have not said yet who they are (limits.newConnections)", now);
  const MonoTime sweep = now + kSweepPause;
  if (!wake_at_ || sweep < *wake_at_) wake_at_ = sweep;
}

// Those that were let in and are closed by now.
void Acceptor::Sweep(bool known_too) {
  std::vector<ConnectionGate::Id> gone;
  for (const auto& [id, connection] : connections_) {
    if (!connection.let_in || (connection.known && !known_too)) continue;
    if (CookieOf(connection.fd) != connection.cookie) gone.push_back(id);
  }
  for (const ConnectionGate::Id id : gone) {
    gate_.Gone(id);
    Forget(id);
  }
}

void Acceptor::Forget(ConnectionGate::Id id) {
  const auto found = connections_.find(id);
  if (found == connections_.end()) return;
  // Its descriptor, or its peer's port, may be another one's by now.
  if (const auto it = by_fd_.find(found->second.fd); it != by_fd_.end() && it->second == id) {
    by_fd_.erase(it);
  }
  if (const auto it = by_peer_.find(found->second.peer); it != by_peer_.end() && it->second == id) {
    by_peer_.erase(it);
  }
  connections_.erase(found);
}

// Whoever has the descriptor may close it at any moment, and something else be opened in its place;
// a second one holds on to the socket while we look which one it is.
void Acceptor::Cut(const Connection& connection) const {
  const int held = ::fcntl(connection.fd, F_DUPFD_CLOEXEC, 0);
  if (held < 0) {
    // Without a descriptor to spare: the moment in between is short.
    if (CookieOf(connection.fd) == connection.cookie) ::shutdown(connection.fd, SHUT_RDWR);
    return;
  }
  if (CookieOf(held) == connection.cookie) ::shutdown(held, SHUT_RDWR);
  ::close(held);
}

void Acceptor::SayFull(const char* why, MonoTime now) {
  if (said_full_at_ != MonoTime() && now - said_full_at_ < kSayFullPause) return;
  said_full_at_ = now;
  spdlog::warn("connections have to wait: {}; {} are open, {} of them not known yet, {} wait", why,
               gate_.size(), gate_.unknown(), gate_.waiting());
}

}  // namespace muster::coordinator
