#include "coordinator/api/container_streams.h"

#include <memory>
#include <optional>
#include <utility>

#include "coordinator/api/tunnel_stream.h"

namespace muster::coordinator {
namespace {

using admin::v1::ExecInput;
using admin::v1::ExecOutput;
using admin::v1::LogsChunk;
using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;

class LogsStream final : public TunnelStream<grpc::ServerWriteReactor<LogsChunk>, LogsChunk> {
 public:
  using TunnelStream::TunnelStream;

 private:
  std::optional<LogsChunk> Translate(TunnelFromAgent frame,
                                     std::optional<absl::Status>& ret_last) override {
    return LogsChunkFrom(std::move(frame), ret_last);
  }
  absl::Status AtEnd(const absl::Status& why) override { return why; }
};

class ExecStream final
    : public TunnelStream<grpc::ServerBidiReactor<ExecInput, ExecOutput>, ExecOutput> {
 public:
  ExecStream(ProcessKind kind, std::shared_ptr<AdminCall> call, AdminApi& api,
             TunnelBroker& tunnels, grpc::CallbackServerContext* context)
      : TunnelStream(std::move(call), context), kind_(kind), api_(api), tunnels_(tunnels) {}

  void Enter() {
    if (const absl::Status known = call().Enter(); !known.ok()) return Leave(known);
    Read();
  }

  void Read() {
    MutexLock lock(&mutex_);
    if (!ended_) StartRead(&input_);
  }

  void OnReadDone(bool ok) override {
    if (!started_) {
      if (!ok || !input_.has_start()) {
        return Leave(absl::InvalidArgumentError("the call begins with which container is meant"));
      }
      return Start();
    }
    // Done with writing is as good as closed.
    if (!ok) input_.set_stdin_closed(true);
    std::optional<TunnelToAgent> frame = FrameFrom(std::exchange(input_, {}));
    if (!frame) return Leave(absl::InvalidArgumentError("a call has one start"));
    if (frame->has_stdin_closed() && std::exchange(stdin_closed_, true)) return;
    tunnel().to_agent().Push(*std::move(frame), [self = shared_from_this(), this, ok] {
      if (ok) Read();
    });
  }

 private:
  void Start() {
    if (!input_.has_start()) {
      return Leave(absl::InvalidArgumentError("an exec begins with what to execute"));
    }
    if (const absl::Status allowed = call().Allow(input_); !allowed.ok()) return Leave(allowed);
    const bool attach = kind_ == ProcessKind::kMain;
    const admin::v1::ExecStart& start = input_.start();
    if (!attach && start.command().empty()) {
      return Leave(
          absl::InvalidArgumentError("you must specify at least one command for the container"));
    }
    absl::StatusOr<AdminApi::ContainerPlace> place =
        api_.FindContainer(start.namespace_(), start.pod(), start.container(),
                           attach ? AdminApi::Use::kAttach : AdminApi::Use::kExec);
    if (!place.ok()) return Leave(place.status());
    started_ = true;
    session::v1::OpenTunnel request;
    if (attach) {
      Fill(*request.mutable_attach(), *place, start);
    } else {
      Fill(*request.mutable_exec(), *place, start);
      *request.mutable_exec()->mutable_command() = start.command();
    }
    Begin(tunnels_.Open(place->node, std::move(request)));
    Read();
  }

  template <typename Purpose>
  static void Fill(Purpose& purpose, const AdminApi::ContainerPlace& place,
                   const admin::v1::ExecStart& start) {
    purpose.set_pod_uid(place.pod_uid);
    purpose.set_container(place.container);
    purpose.set_stdin(start.stdin());
    purpose.set_tty(start.tty());
  }

  std::optional<ExecOutput> Translate(TunnelFromAgent frame,
                                      std::optional<absl::Status>& ret_last) override {
    return ExecOutputFrom(std::move(frame), ret_last);
  }
  absl::Status AtEnd(const absl::Status& why) override {
    return why.ok() ? absl::InternalError("the node ended the call without an exit code") : why;
  }

  const ProcessKind kind_;
  AdminApi& api_;
  TunnelBroker& tunnels_;
  ExecInput input_;  // gRPC's while a read is under way.
  bool started_ = false, stdin_closed_ = false;
};

}  // namespace

grpc::ServerWriteReactor<LogsChunk>* NewLogsStream(std::shared_ptr<AdminCall> call, AdminApi& api,
                                                   TunnelBroker& tunnels,
                                                   const admin::v1::LogsRequest& request,
                                                   grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<LogsStream>(call, context);
  LogsStream::Own(stream);
  if (const absl::Status allowed = call->Begin(request); !allowed.ok()) {
    stream->Leave(allowed);
    return stream.get();
  }
  absl::StatusOr<AdminApi::ContainerPlace> place = api.FindContainer(
      request.namespace_(), request.pod(), request.container(), AdminApi::Use::kLogs);
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
  if (request.has_since_unix_ns()) logs.set_since_unix_ns(request.since_unix_ns());
  stream->Begin(tunnels.Open(place->node, std::move(open)));
  return stream.get();
}

grpc::ServerBidiReactor<ExecInput, ExecOutput>* NewExecStream(
    ProcessKind kind, std::shared_ptr<AdminCall> call, AdminApi& api, TunnelBroker& tunnels,
    grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<ExecStream>(kind, std::move(call), api, tunnels, context);
  ExecStream::Own(stream);
  stream->Enter();
  return stream.get();
}

}  // namespace muster::coordinator
