#pragma once

#include <list>
#include <memory>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "agent/link/link.h"
#include "agent/runtime/runtime.h"
#include "agent/tunnel/tunnel_peer.h"
#include "agent/tunnel/usage_session.h"
#include "common/base/clock.h"

namespace muster::agent {

// The container that a request is about.
struct TunnelTarget {
  std::string container_id;
  std::string log_path;  // Empty: as the runtime says.
  bool running = false;
  std::string sandbox_id;  // Of a port-forward, instead of the rest.
};

// Serves what comes through tunnels: logs, exec, attach, forwarded connections, questions for
// usage. Each on a thread of its own, so that neither a slow user nor a big file holds up the
// agent. There are no threads while nobody asks.
//
// Thread-safe; Serve returns at once. The destructor ends what is under way and waits for it.
class TunnelServer {
 public:
  struct Options {
    size_t tunnels_max = 128;  // More are refused. Each connection of a port-forward is one.
    // How the host as a whole fares; none: that is not known.
    SampleHost host_sample;
  };

  // All outlive the server.
  TunnelServer(Options options, Runtime& runtime, const Clock& clock, TunnelDialer& dialer);
  ~TunnelServer();
  TunnelServer(const TunnelServer&) = delete;
  TunnelServer& operator=(const TunnelServer&) = delete;

  // An error as target is what the user is told.
  void Serve(const TunnelRequest& request, const absl::StatusOr<TunnelTarget>& target);

 private:
  struct Tunnel;

  void Run(Tunnel& tunnel);
  // Joins the threads of tunnels that are over.
  void Reap() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status SendLogs(const Tunnel& tunnel, TunnelPeer& peer);
  // Exec or attach.
  absl::StatusOr<int32_t> Exec(const Tunnel& tunnel, TunnelPeer& peer);
  absl::Status Forward(const Tunnel& tunnel, TunnelPeer& peer);

  const Options options_;
  Runtime& runtime_;
  const Clock& clock_;
  TunnelDialer& dialer_;
  absl::Mutex mutex_;
  std::list<std::unique_ptr<Tunnel>> tunnels_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace muster::agent
