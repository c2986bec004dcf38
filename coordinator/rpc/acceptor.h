#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "coordinator/rpc/connection_gate.h"

namespace muster::coordinator {

// "1.2.3.4:5" or "[fe80::1]:5", whether it comes from the kernel or is a name that gRPC gives to a
// peer ("ipv4:1.2.3.4:5", "ipv6:%5B::1%5D:5"). Empty: neither. Pure.
std::string PeerKeyOf(const sockaddr_storage& address);
std::string PeerKeyOf(std::string_view grpc_peer);
// What counts as one address in a ConnectionGate: whoever has an IPv6 address has its whole /64.
std::string GateAddressOf(const sockaddr_storage& address);

// Listens on TCP, and gives the connections that a ConnectionGate lets in to somebody else. gRPC's
// own listener knows no limits before TLS, and stops for good once the process is out of
// descriptors.
//
// The descriptor belongs to whom it was given to. Whether that one has closed it is seen by the
// kernel's number of the socket, so nobody has to tell, and none is taken for another one that has
// got its descriptor. A thread of its own does all of this; Known may be called on any.
class Acceptor {
 public:
  // Takes over the descriptor, which does not block. Called on the acceptor's thread.
  using OnConnection = std::function<void(int fd)>;
  struct Options {
    std::string listen;  // "host:port"; port 0 takes a free one.
    ConnectionGate::Options gate;
  };

  // Unavailable when the address cannot be had. Nothing is accepted before Begin.
  static absl::StatusOr<std::unique_ptr<Acceptor>> Listen(const Options& options);
  // No callback is running or will run after it.
  ~Acceptor();

  int port() const { return port_; }
  void Begin(OnConnection on_connection);
  // Nobody more is let in, and nobody listens.
  void Stop();
  // Who the other end of a connection is, by gRPC's name of the peer. Returns at once.
  void Known(std::string_view grpc_peer, std::string identity) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Connection {
    int fd = -1;
    uint64_t cookie = 0;
    std::string peer;
    bool let_in = false, known = false;
  };

  explicit Acceptor(const ConnectionGate::Options& gate) : gate_(gate) {}
  void Run();
  // False: there are no descriptors.
  bool AcceptSome(int listener, MonoTime now);
  void TakeKnown();
  void Decide(MonoTime now);
  void Sweep(bool known_too);
  void Forget(ConnectionGate::Id id);
  void Cut(const Connection& connection) const;
  void SayFull(const char* why, MonoTime now);

  std::vector<int> listeners_;
  int port_ = 0;
  int wake_fd_ = -1;
  OnConnection on_connection_;
  std::thread thread_;
  std::atomic<bool> ending_ = false;

  // Of the thread alone.
  ConnectionGate gate_;
  ConnectionGate::Id last_id_ = 0;
  std::map<ConnectionGate::Id, Connection> connections_;
  std::unordered_map<int, ConnectionGate::Id> by_fd_;
  std::unordered_map<std::string, ConnectionGate::Id> by_peer_;
  std::optional<MonoTime> wake_at_, paused_until_;
  MonoTime swept_at_{}, swept_all_at_{}, said_full_at_{};

  Mutex mutex_;
  std::vector<std::pair<std::string, std::string>> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::coordinator
