#include "coordinator/session/session_service.h"

#include <functional>
#include <memory>
#include <utility>

#include "common/base/macros.h"
#include "coordinator/rpc/status.h"
#include "coordinator/session/tunnel_reactor.h"

namespace muster::coordinator {
namespace {

using session::v1::FromAgent;
using session::v1::ToAgent;

// A stream of one agent. Belongs to itself until gRPC is done with it, and to the hub until the
// hub has finished it, which it always does.
class SessionReactor final : public grpc::ServerBidiReactor<FromAgent, ToAgent>,
                             public SessionPeer {
 public:
  static SessionReactor* Open(SessionHub& hub, SessionId id, NodeCertificate node,
                              std::string ca_hash, std::function<void()> on_accepted) {
    std::shared_ptr<SessionReactor> reactor(new SessionReactor(hub, id, std::move(on_accepted)));
    reactor->self_ = reactor;
    hub.Post(SessionOpened{id, std::move(node.name), reactor, std::move(node.key_hash),
                           std::move(ca_hash), node.not_after});
    return reactor.get();
  }

  // SessionPeer, on the loop thread.
  void Write(ToAgent message) override {
    to_agent_ = std::move(message);
    StartWrite(&to_agent_);
  }
  void ReadNext() override { StartRead(&from_agent_); }
  void Accepted() override { on_accepted_(); }
  // A message that is still under way goes first; a peer that never takes it keeps the stream until
  // its connection breaks, but nothing else.
  void Finish(absl::Status why) override { ServerBidiReactor::Finish(ToGrpc(why)); }

  // On threads of gRPC.
  void OnReadDone(bool ok) override {
    if (!ok) return hub_.Post(SessionBroken{id_});
    hub_.Post(SessionReceived{id_, std::exchange(from_agent_, {})});
  }
  void OnWriteDone(bool ok) override {
    if (!ok) return hub_.Post(SessionBroken{id_});
    hub_.Post(SessionWritten{id_});
  }
  void OnCancel() override { hub_.Post(SessionBroken{id_}); }
  void OnDone() override { self_.reset(); }

 private:
  SessionReactor(SessionHub& hub, SessionId id, std::function<void()> on_accepted)
      : hub_(hub), id_(id), on_accepted_(std::move(on_accepted)) {}

  SessionHub& hub_;
  const SessionId id_;
  const std::function<void()> on_accepted_;
  std::shared_ptr<SessionReactor> self_;  // Until OnDone.
  FromAgent from_agent_;                  // gRPC's while a read is under way.
  ToAgent to_agent_;                      // gRPC's while a write is under way.
};

// Ends a stream at once.
template <typename In, typename Out>
class RefusedReactor final : public grpc::ServerBidiReactor<In, Out> {
 public:
  explicit RefusedReactor(const absl::Status& why) { this->Finish(ToGrpc(why)); }
  void OnDone() override { delete this; }
};

}  // namespace

SessionService::SessionService(SessionHub& hub, TunnelBroker& tunnels, const Clock& clock,
                               Doors doors)
    : hub_(hub), tunnels_(tunnels), clock_(clock), doors_(std::move(doors)) {}

absl::StatusOr<SessionService::Caller> SessionService::CallerOf(
    const grpc::CallbackServerContext& context) const {
  MUSTER_ASSIGN_OR_RETURN(NodeCertificate node, NodeOf(context));
  if (clock_.Wall() >= node.not_after) {
    return absl::UnauthenticatedError("the time of this certificate is over");
  }
  std::string ca_hash = doors_.authority_of(node.pem);
  if (ca_hash.empty()) {
    return absl::UnauthenticatedError("this certificate is of a CA that is no longer trusted");
  }
  return Caller{std::move(node), std::move(ca_hash)};
}

grpc::ServerUnaryReactor* SessionService::Enrol(grpc::CallbackServerContext* context,
                                                const session::v1::EnrolRequest* request,
                                                session::v1::EnrolResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::StatusOr<session::v1::EnrolResponse> answer = doors_.enrol(*request, context->peer());
  if (answer.ok()) *response = *std::move(answer);
  reactor->Finish(ToGrpc(answer.status()));
  return reactor;
}

grpc::ServerUnaryReactor* SessionService::Renew(grpc::CallbackServerContext* context,
                                                const session::v1::RenewRequest* request,
                                                session::v1::RenewResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::StatusOr<session::v1::RenewResponse> answer = doors_.renew(*request, context->peer());
  if (answer.ok()) *response = *std::move(answer);
  reactor->Finish(ToGrpc(answer.status()));
  return reactor;
}

grpc::ServerBidiReactor<FromAgent, ToAgent>* SessionService::Session(
    grpc::CallbackServerContext* context) {
  absl::StatusOr<Caller> caller = CallerOf(*context);
  if (!caller.ok()) return new RefusedReactor<FromAgent, ToAgent>(caller.status());
  auto on_accepted = [this, peer = context->peer(), node = caller->certificate.name] {
    if (doors_.on_known) doors_.on_known(peer, node);
  };
  return SessionReactor::Open(hub_, next_id_++, std::move(caller->certificate),
                              std::move(caller->ca_hash), std::move(on_accepted));
}

grpc::ServerBidiReactor<session::v1::TunnelFromAgent, session::v1::TunnelToAgent>*
SessionService::Tunnel(grpc::CallbackServerContext* context) {
  absl::StatusOr<Caller> caller = CallerOf(*context);
  if (!caller.ok()) {
    return new RefusedReactor<session::v1::TunnelFromAgent, session::v1::TunnelToAgent>(
        caller.status());
  }
  return NewAgentTunnelReactor(tunnels_, std::move(caller->certificate.name),
                               caller->certificate.not_after, context);
}

}  // namespace muster::coordinator
