#include "agent/tunnel/tunnel_server.h"

#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/tunnel/await.h"
#include "agent/tunnel/exec_session.h"
#include "agent/tunnel/forward_session.h"
#include "agent/tunnel/log_session.h"
#include "agent/tunnel/pod_socket.h"
#include "agent/tunnel/usage_session.h"
#include "common/base/macros.h"

namespace muster::agent {
struct TunnelServer::Tunnel {
  TunnelRequest request;
  TunnelTarget target;
  // Ended by its own thread; Cancel comes from others while it is there.
  absl::Mutex mutex;
  std::unique_ptr<TunnelPeer> peer ABSL_GUARDED_BY(mutex);
  bool over ABSL_GUARDED_BY(mutex) = false;
  std::thread thread;
};

TunnelServer::TunnelServer(Options options, Runtime& runtime, const Clock& clock,
                           TunnelDialer& dialer)
    : options_(std::move(options)), runtime_(runtime), clock_(clock), dialer_(dialer) {}

TunnelServer::~TunnelServer() {
  std::list<std::unique_ptr<Tunnel>> tunnels;
  {
    absl::MutexLock lock(&mutex_);
    tunnels.swap(tunnels_);
  }
  for (const auto& tunnel : tunnels) {
    absl::MutexLock lock(&tunnel->mutex);
    if (tunnel->peer != nullptr) tunnel->peer->Cancel();
  }
  for (const auto& tunnel : tunnels) tunnel->thread.join();
}

void TunnelServer::Reap() {
  for (auto it = tunnels_.begin(); it != tunnels_.end();) {
    bool over;
    {
      absl::MutexLock lock(&(*it)->mutex);
      over = (*it)->over;
    }
    if (!over) {
      ++it;
      continue;
    }
    (*it)->thread.join();
    it = tunnels_.erase(it);
  }
}

void TunnelServer::Serve(const TunnelRequest& request, const absl::StatusOr<TunnelTarget>& target) {
  if (!target.ok()) return dialer_.Refuse(request.tunnel_id, target.status());
  if (request.purpose == TunnelPurpose::kUnknown) {
    return dialer_.Refuse(request.tunnel_id,
                          absl::UnimplementedError("the agent of this node does not know what this "
                                                   "coordinator asks for: upgrade it"));
  }
  absl::MutexLock lock(&mutex_);
  Reap();
  if (tunnels_.size() >= options_.tunnels_max) {
    return dialer_.Refuse(request.tunnel_id,
                          absl::ResourceExhaustedError(absl::StrCat(
                              tunnels_.size(), " requests to this node are open already")));
  }
  std::unique_ptr<TunnelPeer> peer = dialer_.Dial(request.tunnel_id);
  // The session broke meanwhile; the user is told by the coordinator.
  if (peer == nullptr) return;
  auto tunnel = std::make_unique<Tunnel>();
  tunnel->request = request;
  tunnel->target = *target;
  {
    absl::MutexLock tunnel_lock(&tunnel->mutex);
    tunnel->peer = std::move(peer);
  }
  tunnel->thread = std::thread([this, raw = tunnel.get()] { Run(*raw); });
  tunnels_.push_back(std::move(tunnel));
}

void TunnelServer::Run(Tunnel& tunnel) {
  TunnelPeer* peer;
  {
    absl::MutexLock lock(&tunnel.mutex);
    peer = tunnel.peer.get();
  }
  switch (tunnel.request.purpose) {
    case TunnelPurpose::kLogs:
      peer->Finish(SendLogs(tunnel, *peer));
      break;
    case TunnelPurpose::kExec:
    case TunnelPurpose::kAttach:
      if (const absl::StatusOr<int32_t> exit_code = Exec(tunnel, *peer); exit_code.ok()) {
        peer->FinishExec(*exit_code);
      } else {
        peer->Finish(exit_code.status());
      }
      break;
    case TunnelPurpose::kPortForward:
      peer->Finish(Forward(tunnel, *peer));
      break;
    case TunnelPurpose::kStats:
      peer->Finish(SendUsage({tunnel.request.pod_uids.begin(), tunnel.request.pod_uids.end()},
                             tunnel.request.node ? options_.host_sample : nullptr, runtime_,
                             *peer));
      break;
    case TunnelPurpose::kUnknown:
      break;  // Was refused.
  }
  std::unique_ptr<TunnelPeer> ended;
  {
    absl::MutexLock lock(&tunnel.mutex);
    ended = std::move(tunnel.peer);
  }
  ended.reset();
  absl::MutexLock lock(&tunnel.mutex);
  tunnel.over = true;
}

absl::Status TunnelServer::SendLogs(const Tunnel& tunnel, TunnelPeer& peer) {
  const TunnelRequest& request = tunnel.request;
  const auto status_of_container = [&] {
    return Await<ContainerStatus>(peer, [&](auto done) {
      runtime_.ContainerStatusOf(tunnel.target.container_id, std::move(done));
    });
  };
  std::string path = tunnel.target.log_path;
  if (path.empty()) {
    MUSTER_ASSIGN_OR_RETURN(const ContainerStatus status, status_of_container());
    path = status.log_path;
  }
  LogQuery query;
  query.follow = request.follow && !request.previous;
  query.timestamps = request.timestamps;
  query.tail_lines = request.tail_lines;
  query.bytes_max = request.limit_bytes;
  if (request.since_unix_ns >= 0) {
    query.since = WallTime(std::chrono::duration_cast<WallTime::duration>(
        std::chrono::nanoseconds(request.since_unix_ns)));
  } else if (request.since_seconds >= 0) {
    query.since = clock_.Wall() - std::chrono::seconds(request.since_seconds);
  }
  const auto still_running = [&] {
    const absl::StatusOr<ContainerStatus> status = status_of_container();
    // A runtime that is away says nothing about the container.
    if (!status.ok()) return !absl::IsNotFound(status.status()) && !peer.gone();
    return status->state == ContainerState::kRunning || status->state == ContainerState::kCreated;
  };
  absl::Status sent = SendLog(path, query, still_running, peer);
  if (absl::IsNotFound(sent)) {
    return absl::NotFoundError(
        absl::StrCat("there is no log of container \"", request.container, "\" at ", path));
  }
  return sent;
}

absl::StatusOr<int32_t> TunnelServer::Exec(const Tunnel& tunnel, TunnelPeer& peer) {
  const TunnelRequest& request = tunnel.request;
  const std::string& id = tunnel.target.container_id;
  const bool attach = request.purpose == TunnelPurpose::kAttach;
  if (!attach && request.command.empty()) {
    return absl::InvalidArgumentError("there is no command to run");
  }
  MUSTER_ASSIGN_OR_RETURN(const std::string url, Await<std::string>(peer, [&](auto done) {
                            if (attach) {
                              runtime_.AttachUrl(id, request.stdin, request.tty, std::move(done));
                            } else {
                              runtime_.ExecUrl(id, request.command, request.stdin, request.tty,
                                               std::move(done));
                            }
                          }));
  return RunExec(url, request.stdin, request.tty, peer);
}

absl::Status TunnelServer::Forward(const Tunnel& tunnel, TunnelPeer& peer) {
  MUSTER_ASSIGN_OR_RETURN(const SandboxStatus sandbox, Await<SandboxStatus>(peer, [&](auto done) {
                            runtime_.SandboxStatusOf(tunnel.target.sandbox_id, std::move(done));
                          }));
  if (sandbox.state != SandboxState::kReady) {
    return absl::FailedPreconditionError("the pod is not running");
  }
  if (sandbox.network_path.empty() && sandbox.network != NamespaceMode::kNode) {
    return absl::UnimplementedError(
        "the container runtime does not tell where the pod's network is");
  }
  MUSTER_ASSIGN_OR_RETURN(const OwnedFd socket,
                          ConnectInPod(sandbox.network_path, tunnel.request.port, peer));
  return RunForward(socket, peer);
}

}  // namespace muster::agent
