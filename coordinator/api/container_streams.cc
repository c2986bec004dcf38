#include "coordinator/api/container_streams.h"

#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "common/base/mutex.h"
#include "coordinator/rpc/status.h"
#include "grpcpp/server_context.h"

namespace muster::coordinator {
namespace {

using admin::v1::ExecInput;
using admin::v1::ExecOutput;
using admin::v1::LogsChunk;
using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;

// To a user "unavailable" means that the coordinator cannot be reached, which is not the case.
absl::Status ForUser(const absl::Status& status) {
  if (!absl::IsUnavailable(status)) return status;
  return absl::InternalError(status.message());
}

absl::Status StatusOf(const session::v1::TunnelError& error) {
  const auto code = static_cast<absl::StatusCode>(error.code());
  return ForUser(absl::Status(code == absl::StatusCode::kOk ? absl::StatusCode::kUnknown : code,
                              error.message()));
}

// What both streams have in common: the way from the agent to the user, and one end. The pipes'
// callbacks keep the stream as long as they wait, gRPC keeps it until OnDone.
template <typename Reactor, typename Output>
class ContainerStream : public Reactor,
                        public std::enable_shared_from_this<ContainerStream<Reactor, Output>> {
 public:
  explicit ContainerStream(grpc::CallbackServerContext* context) : context_(context) {}

  static void Own(const std::shared_ptr<ContainerStream>& stream) { stream->self_ = stream; }

  void OnWriteDone(bool ok) override {
    {
      MutexLock lock(&mutex_);
      writing_ = false;
    }
    if (!ok) return Leave(absl::CancelledError("the user left"));
    if (last_status_) return Leave(*last_status_);
    PullNext();
  }
  void OnCancel() override { Leave(absl::CancelledError("the user left")); }
  void OnDone() override { self_.reset(); }

  void Begin(std::shared_ptr<Tunnel> tunnel) {
    {
      MutexLock lock(&mutex_);
      tunnel_ = std::move(tunnel);
    }
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
    if (writing_) context_->TryCancel();
    this->Finish(ToGrpc(ForUser(why)));
  }

 protected:
  // What a frame is for the user. Nothing: skip it. `ret_last` set: the call ends with it, after
  // the output if there is one.
  virtual std::optional<Output> Translate(TunnelFromAgent frame,
                                          std::optional<absl::Status>& ret_last) = 0;
  // How it ends when the agent has nothing more to say.
  virtual absl::Status AtEnd(const absl::Status& why) = 0;

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
        [self = this->shared_from_this()](std::optional<TunnelFromAgent> frame) {
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
    this->StartWrite(&output_);
  }

  grpc::CallbackServerContext* const context_;  // Valid until OnDone.
  std::shared_ptr<ContainerStream> self_;       // Until OnDone.
  std::shared_ptr<Tunnel> tunnel_;              // Set once, under the lock.
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  Output output_;                            // gRPC's while a write is under way.
  std::optional<absl::Status> last_status_;  // Used by whoever's turn it is.
};

class LogsStream final : public ContainerStream<grpc::ServerWriteReactor<LogsChunk>, LogsChunk> {
 public:
  using ContainerStream::ContainerStream;

 private:
  std::optional<LogsChunk> Translate(TunnelFromAgent frame,
                                     std::optional<absl::Status>& ret_last) override {
    LogsChunk chunk;
    if (frame.has_stdout()) {
      chunk.set_data(std::move(*frame.mutable_stdout()));
    } else if (frame.has_stderr()) {
      chunk.set_data(std::move(*frame.mutable_stderr()));
    } else if (frame.has_error()) {
      ret_last = StatusOf(frame.error());
      return std::nullopt;
    } else {
      return std::nullopt;
    }
    return chunk;
  }
  absl::Status AtEnd(const absl::Status& why) override { return why; }
};

class ExecStream final
    : public ContainerStream<grpc::ServerBidiReactor<ExecInput, ExecOutput>, ExecOutput> {
 public:
  ExecStream(AdminApi& api, TunnelBroker& tunnels, grpc::CallbackServerContext* context)
      : ContainerStream(context), api_(api), tunnels_(tunnels) {}

  void Read() {
    MutexLock lock(&mutex_);
    if (!ended_) StartRead(&input_);
  }

  void OnReadDone(bool ok) override {
    if (!started_) {
      if (!ok) return Leave(absl::InvalidArgumentError("an exec begins with what to execute"));
      return Start();
    }
    TunnelToAgent frame;
    if (!ok || input_.has_stdin_closed()) {
      // Done with writing is as good as closed.
      if (std::exchange(stdin_closed_, true)) return;
      frame.set_stdin_closed(true);
    } else if (input_.has_stdin()) {
      frame.set_stdin(std::move(*input_.mutable_stdin()));
    } else if (input_.has_resize()) {
      frame.set_terminal_size(uint64_t{input_.resize().columns()} << 32 | input_.resize().rows());
    } else {
      return Leave(absl::InvalidArgumentError("an exec has one start"));
    }
    tunnel().to_agent().Push(std::move(frame), [self = shared_from_this(), this, ok] {
      if (ok) Read();
    });
  }

 private:
  void Start() {
    if (!input_.has_start()) {
      return Leave(absl::InvalidArgumentError("an exec begins with what to execute"));
    }
    const admin::v1::ExecStart& start = input_.start();
    if (start.command().empty()) {
      return Leave(
          absl::InvalidArgumentError("you must specify at least one command for the container"));
    }
    absl::StatusOr<AdminApi::ContainerPlace> place =
        api_.FindContainer(start.namespace_(), start.pod(), start.container(), /*to_exec=*/true);
    if (!place.ok()) return Leave(place.status());
    started_ = true;
    session::v1::OpenTunnel request;
    session::v1::TunnelExec& exec = *request.mutable_exec();
    exec.set_pod_uid(place->pod_uid);
    exec.set_container(place->container);
    *exec.mutable_command() = start.command();
    exec.set_stdin(start.stdin());
    exec.set_tty(start.tty());
    Begin(tunnels_.Open(place->node, std::move(request)));
    Read();
  }

  std::optional<ExecOutput> Translate(TunnelFromAgent frame,
                                      std::optional<absl::Status>& ret_last) override {
    ExecOutput output;
    if (frame.has_stdout()) {
      output.set_stdout(std::move(*frame.mutable_stdout()));
    } else if (frame.has_stderr()) {
      output.set_stderr(std::move(*frame.mutable_stderr()));
    } else if (frame.has_exit_code()) {
      output.set_exit_code(frame.exit_code());
      ret_last = absl::OkStatus();
    } else if (frame.has_error()) {
      ret_last = StatusOf(frame.error());
      return std::nullopt;
    } else {
      return std::nullopt;
    }
    return output;
  }
  absl::Status AtEnd(const absl::Status& why) override {
    return why.ok() ? absl::InternalError("the node ended the call without an exit code") : why;
  }

  AdminApi& api_;
  TunnelBroker& tunnels_;
  ExecInput input_;  // gRPC's while a read is under way.
  bool started_ = false, stdin_closed_ = false;
};

}  // namespace

grpc::ServerWriteReactor<LogsChunk>* NewLogsStream(const absl::Status& allowed, AdminApi& api,
                                                   TunnelBroker& tunnels,
                                                   const admin::v1::LogsRequest& request,
                                                   grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<LogsStream>(context);
  LogsStream::Own(stream);
  if (!allowed.ok()) {
    stream->Leave(allowed);
    return stream.get();
  }
  absl::StatusOr<AdminApi::ContainerPlace> place = api.FindContainer(
      request.namespace_(), request.pod(), request.container(), /*to_exec=*/false);
  if (!place.ok()) {
    stream->Leave(place.status());
    return stream.get();
  }
  session::v1::OpenTunnel open;
  session::v1::TunnelLogs& logs = *open.mutable_logs();
  logs.set_pod_uid(place->pod_uid);
  logs.set_container(place->container);
  logs.set_follow(request.follow());
  logs.set_previous(request.previous());
  logs.set_timestamps(request.timestamps());
  if (request.has_tail_lines()) logs.set_tail_lines(request.tail_lines());
  if (request.has_since_seconds()) logs.set_since_seconds(request.since_seconds());
  if (request.has_limit_bytes()) logs.set_limit_bytes(request.limit_bytes());
  stream->Begin(tunnels.Open(place->node, std::move(open)));
  return stream.get();
}

grpc::ServerBidiReactor<ExecInput, ExecOutput>* NewExecStream(
    const absl::Status& allowed, AdminApi& api, TunnelBroker& tunnels,
    grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<ExecStream>(api, tunnels, context);
  ExecStream::Own(stream);
  if (allowed.ok()) {
    stream->Read();
  } else {
    stream->Leave(allowed);
  }
  return stream.get();
}

}  // namespace muster::coordinator
