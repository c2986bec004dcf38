#pragma once

#include <atomic>
#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/rpc/identity.h"
#include "coordinator/session/session_hub.h"
#include "coordinator/tunnel/tunnel.h"
#include "muster/session/v1/session.grpc.pb.h"

namespace muster::coordinator {

// The gRPC face towards agents: translates and hands over, decides nothing.
//
// Session and Tunnel are for node certificates, and each speaks for its own node only; Enrol is
// for everybody who has a token, and Renew for whoever has a node's key.
class SessionService final : public session::v1::AgentSession::CallbackService {
 public:
  // Called on threads of gRPC; the answer goes back as it is. `peer` is the caller's address.
  using EnrolNode = std::function<absl::StatusOr<session::v1::EnrolResponse>(
      const session::v1::EnrolRequest& request, const std::string& peer)>;
  using RenewNode = std::function<absl::StatusOr<session::v1::RenewResponse>(
      const session::v1::RenewRequest& request, const std::string& peer)>;
  // The hash of the CA that signed this certificate. Empty: none of those that are trusted.
  using AuthorityOf = std::function<std::string(const std::string& certificate_pem)>;
  // A connection is that of a node; called on the loop thread.
  using OnKnown = std::function<void(const std::string& peer, const std::string& node)>;
  struct Doors {
    EnrolNode enrol;
    RenewNode renew;
    AuthorityOf authority_of;
    OnKnown on_known = nullptr;  // Null: nobody wants to know.
  };

  // All outlive the server.
  SessionService(SessionHub& hub, TunnelBroker& tunnels, const Clock& clock, Doors doors);

  grpc::ServerUnaryReactor* Enrol(grpc::CallbackServerContext* context,
                                  const session::v1::EnrolRequest* request,
                                  session::v1::EnrolResponse* response) override;
  grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context,
                                  const session::v1::RenewRequest* request,
                                  session::v1::RenewResponse* response) override;
  grpc::ServerBidiReactor<session::v1::FromAgent, session::v1::ToAgent>* Session(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<session::v1::TunnelFromAgent, session::v1::TunnelToAgent>* Tunnel(
      grpc::CallbackServerContext* context) override;

 private:
  // A node, and the CA that says so.
  struct Caller {
    NodeCertificate certificate;
    std::string ca_hash;
  };
  // gRPC checked the certificate when the connection was made: this is what may be otherwise by
  // now. Unauthenticated then.
  absl::StatusOr<Caller> CallerOf(const grpc::CallbackServerContext& context) const;

  SessionHub& hub_;
  TunnelBroker& tunnels_;
  const Clock& clock_;
  const Doors doors_;
  std::atomic<SessionId> next_id_{1};
};

}  // namespace muster::coordinator
