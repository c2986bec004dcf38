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
    // Done with writing is as good as closed.
    if (!ok) input_.set_closed(true);
    std::optional<TunnelToAgent> frame = FrameFrom(std::exchange(input_, {}));
    if (!frame) return Leave(absl::InvalidArgumentError("a call has one start"));
    if (frame->has_stdin_closed() && std::exchange(closed_, true)) return;
    tunnel().to_agent().Push(*std::move(frame), [self = shared_from_this(), this, ok] {
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
    return PortForwardOutputFrom(std::move(frame), ret_last);
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
