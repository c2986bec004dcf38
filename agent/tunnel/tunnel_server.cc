#include "agent/tunnel/tunnel_server.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/tunnel/exec_session.h"
#include "agent/tunnel/log_session.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

// Where the answer to a call of the runtime is waited for. Shared with the callback, which may come
// after nobody waits any more.
template <typename T>
class Awaited {
 public:
  Awaited() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { MUSTER_CHECK(event_ >= 0); }
  Awaited(const Awaited&) = delete;
  Awaited& operator=(const Awaited&) = delete;
  ~Awaited() { ::close(event_); }

  void Set(absl::StatusOr<T> value) {
    {
      absl::MutexLock lock(&mutex_);
      value_ = std::move(value);
    }
    const uint64_t one = 1;
    MUSTER_CHECK(::write(event_, &one, sizeof one) == sizeof one);
  }

  absl::StatusOr<T> Wait(const TunnelPeer& peer) {
    while (!peer.gone()) {
      {
        absl::MutexLock lock(&mutex_);
        if (value_) return *std::move(value_);
      }
      // The peer wakes for input too, which stays where it is; so it is looked at once a second.
      pollfd fds[] = {{event_, POLLIN, 0}};
      ::poll(fds, 1, 1'000);
    }
    return absl::CancelledError("the user went away");
  }

 private:
  const int event_;
  absl::Mutex mutex_;
  std::optional<absl::StatusOr<T>> value_ ABSL_GUARDED_BY(mutex_);
};

template <typename T, typename Start>
absl::StatusOr<T> Await(const TunnelPeer& peer, Start start) {
  auto awaited = std::make_shared<Awaited<T>>();
  start([awaited](absl::StatusOr<T> value) { awaited->Set(std::move(value)); });
  return awaited->Wait(peer);
}

}  // namespace

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
    : options_(options), runtime_(runtime), clock_(clock), dialer_(dialer) {}

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

void TunnelServer::Serve(const TunnelRequest& request,
                         const absl::StatusOr<TunnelTarget>& target) {
  if (!target.ok()) return dialer_.Refuse(request.tunnel_id, target.status());
  absl::MutexLock lock(&mutex_);
  Reap();
  if (tunnels_.size() >= options_.tunnels_max) {
    return dialer_.Refuse(request.tunnel_id,
                          absl::ResourceExhaustedError(absl::StrCat(
                              tunnels_.size(), " logs and execs of this node are open already")));
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
  if (!tunnel.request.is_exec) {
    peer->Finish(SendLogs(tunnel, *peer));
  } else if (const absl::StatusOr<int32_t> exit_code = Exec(tunnel, *peer); exit_code.ok()) {
    peer->FinishExec(*exit_code);
  } else {
    peer->Finish(exit_code.status());
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
  if (request.since_seconds >= 0) {
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
  if (request.command.empty()) return absl::InvalidArgumentError("there is no command to run");
  MUSTER_ASSIGN_OR_RETURN(
      const std::string url, Await<std::string>(peer, [&](auto done) {
        runtime_.ExecUrl(tunnel.target.container_id, request.command, request.stdin, request.tty,
                         std::move(done));
      }));
  return RunExec(url, request.stdin, request.tty, peer);
}

}  // namespace muster::agent
