#pragma once

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "common/base/mutex.h"
#include "coordinator/api/admin_call.h"
#include "coordinator/api/tunnel_frames.h"
#include "coordinator/rpc/status.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/server_context.h"
#include "muster/session/v1/session.pb.h"

namespace muster::coordinator {

// What all streams through a tunnel have in common: the way from the agent to the user, and one
// end. The pipes' callbacks keep the stream as long as they wait, gRPC keeps it until OnDone.
template <typename Reactor, typename Output>
class TunnelStream : public Reactor,
                     public std::enable_shared_from_this<TunnelStream<Reactor, Output>> {
 public:
  TunnelStream(std::shared_ptr<AdminCall> call, grpc::CallbackServerContext* context)
      : call_(std::move(call)), context_(context) {}

  static void Own(const std::shared_ptr<TunnelStream>& stream) { stream->self_ = stream; }

  void OnWriteDone(bool ok) override {
    call_->WriteEnds();
    {
      MutexLock lock(&mutex_);
      writing_ = false;
    }
    if (!ok) return Leave(absl::CancelledError("the user left"));
    if (last_status_) return Leave(*last_status_);
    PullNext();
  }
  void OnCancel() override { Leave(absl::CancelledError("the user left")); }
  void OnDone() override {
    call_->Detach();
    self_.reset();
  }

  void Begin(std::shared_ptr<Tunnel> tunnel) {
    bool left = false;
    {
      MutexLock lock(&mutex_);
      tunnel_ = std::move(tunnel);
      left = ended_;
    }
    // Who left while the tunnel was asked for found none to end.
    if (left) return tunnel_->Close(absl::CancelledError("the user left"));
    // The call lets go of it before OnDone is over.
    call_->OnCut([this](const absl::Status& why) { Leave(why); });
    PullNext();
  }

  // Ends both ends of the tunnel, if there is one yet, and the call.
  void Leave(const absl::Status& why) {
    std::shared_ptr<Tunnel> tunnel;
    {
      MutexLock lock(&mutex_);
      tunnel = tunnel_;
    }
    if (tunnel != nullptr) tunnel->Close(why);
    MutexLock lock(&mutex_);
    if (std::exchange(ended_, true)) return;
    call_->Finish(why);
    if (writing_) context_->TryCancel();
    this->Finish(ToGrpc(ForUser(why)));
  }

 protected:
  // What a frame is for the user. Nothing: skip it. `ret_last` set: the call ends with it, after
  // the output if there is one.
  virtual std::optional<Output> Translate(session::v1::TunnelFromAgent frame,
                                          std::optional<absl::Status>& ret_last) = 0;
  // How it ends when the agent has nothing more to say.
  virtual absl::Status AtEnd(const absl::Status& why) = 0;

  AdminCall& call() { return *call_; }
  Tunnel& tunnel() { return *tunnel_; }
  bool has_ended() {
    MutexLock lock(&mutex_);
    return ended_;
  }

  Mutex mutex_;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;

 private:
  void PullNext() {
    tunnel_->from_agent().Pull(
        [self = this->shared_from_this()](std::optional<session::v1::TunnelFromAgent> frame) {
          if (!frame) return self->Leave(self->AtEnd(self->tunnel_->why()));
          std::optional<Output> output = self->Translate(*std::move(frame), self->last_status_);
          if (output) return self->Write(*std::move(output));
          if (self->last_status_) return self->Leave(*self->last_status_);
          self->PullNext();
        });
  }
  void Write(Output output) {
    MutexLock lock(&mutex_);
    if (ended_) return;
    output_ = std::move(output);
    writing_ = true;
    call_->WriteBegins();
    this->StartWrite(&output_);
  }

  const std::shared_ptr<AdminCall> call_;
  grpc::CallbackServerContext* const context_;  // Valid until OnDone.
  std::shared_ptr<TunnelStream> self_;          // Until OnDone.
  std::shared_ptr<Tunnel> tunnel_;              // Set once, under the lock.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  Output output_;                            // gRPC's while a write is under way.
  std::optional<absl::Status> last_status_;  // Used by whoever's turn it is.
};

}  // namespace muster::coordinator
