#include "coordinator/session/tunnel_reactor.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"
#include "coordinator/rpc/status.h"
#include "grpcpp/server_context.h"

namespace muster::coordinator {
namespace {

using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;

// Frames go from the stream into the tunnel and back, one at a time each way. Belongs to itself
// until gRPC is done with it; the tunnel's callbacks keep it as long as they wait.
class AgentTunnelReactor final : public grpc::ServerBidiReactor<TunnelFromAgent, TunnelToAgent>,
                                 public std::enable_shared_from_this<AgentTunnelReactor> {
 public:
  static AgentTunnelReactor* Open(TunnelBroker& tunnels, std::string node, WallTime until,
                                  grpc::CallbackServerContext* context) {
    std::shared_ptr<AgentTunnelReactor> reactor(
        new AgentTunnelReactor(tunnels, std::move(node), until, context));
    reactor->self_ = reactor;
    reactor->Read();
    return reactor.get();
  }

  void OnReadDone(bool ok) override {
    if (!ok) return OnStreamEnd();
    TunnelFromAgent frame = std::exchange(incoming_, {});
    if (tunnel_ == nullptr) return Begin(frame);
    tunnel_->from_agent().Push(std::move(frame), [self = shared_from_this()] { self->Read(); });
  }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
    }
    if (!ok) return Leave(absl::UnavailableError("the connection to the node broke"));
    PullNext();
  }

  void OnCancel() override { Leave(absl::UnavailableError("the connection to the node broke")); }
  void OnDone() override { self_.reset(); }

 private:
  AgentTunnelReactor(TunnelBroker& tunnels, std::string node, WallTime until,
                     grpc::CallbackServerContext* context)
      : tunnels_(tunnels), node_(std::move(node)), until_(until), context_(context) {}

  void Begin(const TunnelFromAgent& first) {
    absl::StatusOr<std::shared_ptr<Tunnel>> tunnel =
        tunnels_.Accept(node_, first.tunnel_id(), until_);
    if (!tunnel.ok()) return End(tunnel.status());
    {
      MutexLock lock(&mutex_);
      tunnel_ = *std::move(tunnel);
    }
    Read();
    PullNext();
  }

  // The agent has said all it has to say, or is gone.
  void OnStreamEnd() {
    Leave(context_->IsCancelled() ? absl::UnavailableError("the connection to the node broke")
                                  : absl::OkStatus());
  }

  void PullNext() {
    tunnel_->to_agent().Pull([self = shared_from_this()](std::optional<TunnelToAgent> frame) {
      if (!frame) return self->End(self->tunnel_->why());
      self->Write(*std::move(frame));
    });
  }

  // For the user's end as well.
  void Leave(absl::Status why) {
    std::shared_ptr<Tunnel> tunnel;
    {
      MutexLock lock(&mutex_);
      tunnel = tunnel_;
    }
    if (tunnel != nullptr) tunnel->Close(why);
    End(std::move(why));
  }

  void Read() {
    MutexLock lock(&mutex_);
    if (!ended_) StartRead(&incoming_);
  }

  void Write(TunnelToAgent frame) {
    MutexLock lock(&mutex_);
    if (ended_) return;
    outgoing_ = std::move(frame);
    writing_ = true;
    StartWrite(&outgoing_);
  }

  void End(absl::Status why) {
    MutexLock lock(&mutex_);
    if (std::exchange(ended_, true)) return;
    // What the agent does not take must not keep the call.
    if (writing_) context_->TryCancel();
    Finish(ToGrpc(why));
  }

  TunnelBroker& tunnels_;
  const std::string node_;
  const WallTime until_;                        // The end of the certificate that it came with.
  grpc::CallbackServerContext* const context_;  // Valid until OnDone.
  std::shared_ptr<AgentTunnelReactor> self_;    // Until OnDone.
  TunnelFromAgent incoming_;                    // gRPC's while a read is under way.
  TunnelToAgent outgoing_;                      // gRPC's while a write is under way.
  Mutex mutex_;
  std::shared_ptr<Tunnel> tunnel_;  // Set once, by the first frame, under the lock.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace

grpc::ServerBidiReactor<TunnelFromAgent, TunnelToAgent>* NewAgentTunnelReactor(
    TunnelBroker& tunnels, std::string node, WallTime until, grpc::CallbackServerContext* context) {
  return AgentTunnelReactor::Open(tunnels, std::move(node), until, context);
}

}  // namespace muster::coordinator
