#include "coordinator/api/forward_stream.h"

#include <memory>
#include <optional>
#include <utility>

#include "coordinator/api/tunnel_stream.h"

namespace muster::coordinator {
namespace {

using admin::v1::PortForwardInput;
using admin::v1::PortForwardOutput;
using session::v1::TunnelFromAgent;
using session::v1::TunnelToAgent;

class ForwardStream final
    : public TunnelStream<grpc::ServerBidiReactor<PortForwardInput, PortForwardOutput>,
                          PortForwardOutput> {
 public:
  ForwardStream(std::shared_ptr<AdminCall> call, AdminApi& api, TunnelBroker& tunnels,
                grpc::CallbackServerContext* context)
      : TunnelStream(std::move(call), context), api_(api), tunnels_(tunnels) {}

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
        return Leave(absl::InvalidArgumentError("the call begins with which port is meant"));
      }
      if (const absl::Status allowed = call().Allow(input_); !allowed.ok()) return Leave(allowed);
      return Start(input_.start());
    }
    TunnelToAgent frame;
    if (!ok || input_.has_closed()) {
      // Done with writing is as good as closed.
      if (std::exchange(closed_, true)) return;
      frame.set_stdin_closed(true);
    } else if (input_.has_data()) {
      frame.set_stdin(std::move(*input_.mutable_data()));
    } else {
      return Leave(absl::InvalidArgumentError("a call has one start"));
    }
    tunnel().to_agent().Push(std::move(frame), [self = shared_from_this(), this, ok] {
      if (ok) Read();
    });
  }

 private:
  void Start(const admin::v1::PortForwardStart& start) {
    absl::StatusOr<AdminApi::ContainerPlace> place =
        api_.FindRunningPod(start.namespace_(), start.pod(), start.pod_uid());
    if (!place.ok()) return Leave(place.status());
    started_ = true;
    session::v1::OpenTunnel request;
    request.mutable_port_forward()->set_pod_uid(place->pod_uid);
    request.mutable_port_forward()->set_port(start.port());
    Begin(tunnels_.Open(place->node, std::move(request)));
    Read();
  }

  std::optional<PortForwardOutput> Translate(TunnelFromAgent frame,
                                             std::optional<absl::Status>& ret_last) override {
    PortForwardOutput output;
    if (frame.has_stdout()) {
      output.set_data(std::move(*frame.mutable_stdout()));
    } else if (frame.has_stdout_closed()) {
      output.set_closed(true);
    } else {
      if (frame.has_error()) ret_last = StatusOf(frame.error());
      return std::nullopt;
    }
    return output;
  }
  absl::Status AtEnd(const absl::Status& why) override { return why; }

  AdminApi& api_;
  TunnelBroker& tunnels_;
  PortForwardInput input_;  // gRPC's while a read is under way.
  bool started_ = false, closed_ = false;
};

}  // namespace

grpc::ServerBidiReactor<PortForwardInput, PortForwardOutput>* NewForwardStream(
    std::shared_ptr<AdminCall> call, AdminApi& api, TunnelBroker& tunnels,
    grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<ForwardStream>(std::move(call), api, tunnels, context);
  ForwardStream::Own(stream);
  stream->Enter();
  return stream.get();
}

}  // namespace muster::coordinator
