#pragma once

#include <functional>
#include <memory>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/api/access_api.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/api/admin_call.h"
#include "coordinator/api/container_streams.h"
#include "coordinator/api/trust_api.h"
#include "coordinator/authz/identity.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/server_context.h"
#include "muster/admin/v1/admin.grpc.pb.h"

namespace muster::coordinator {

// The gRPC face towards administrators: translates and hands over, decides nothing. Every call is
// first authorized as what it asks for (coordinator/authz).
class AdminService final : public admin::v1::Admin::CallbackService {
 public:
  // Who calls? Called on threads of gRPC. An error is the answer to the call.
  using Authenticate = AdminCall::Authenticate;

  // All of them outlive the server.
  AdminService(AdminApi& api, AccessApi& access, TrustApi& trust, TunnelBroker& tunnels,
               Authenticate authenticate, const CallGuards& guards = {});

  grpc::ServerUnaryReactor* Apply(grpc::CallbackServerContext* context,
                                  const admin::v1::ApplyRequest* request,
                                  admin::v1::ApplyResponse* response) override;
  grpc::ServerUnaryReactor* Update(grpc::CallbackServerContext* context,
                                   const admin::v1::UpdateRequest* request,
                                   admin::v1::UpdateResponse* response) override;
  grpc::ServerUnaryReactor* Get(grpc::CallbackServerContext* context,
                                const admin::v1::GetRequest* request,
                                admin::v1::GetResponse* response) override;
  grpc::ServerUnaryReactor* List(grpc::CallbackServerContext* context,
                                 const admin::v1::ListRequest* request,
                                 admin::v1::ListResponse* response) override;
  grpc::ServerUnaryReactor* Delete(grpc::CallbackServerContext* context,
                                   const admin::v1::DeleteRequest* request,
                                   admin::v1::DeleteResponse* response) override;
  grpc::ServerUnaryReactor* Describe(grpc::CallbackServerContext* context,
                                     const admin::v1::DescribeRequest* request,
                                     admin::v1::DescribeResponse* response) override;
  grpc::ServerUnaryReactor* Plan(grpc::CallbackServerContext* context,
                                 const admin::v1::PlanRequest* request,
                                 admin::v1::PlanResponse* response) override;
  grpc::ServerUnaryReactor* Why(grpc::CallbackServerContext* context,
                                const admin::v1::WhyRequest* request,
                                admin::v1::WhyResponse* response) override;
  grpc::ServerUnaryReactor* RolloutNodes(grpc::CallbackServerContext* context,
                                         const admin::v1::RolloutNodesRequest* request,
                                         admin::v1::RolloutNodesResponse* response) override;
  grpc::ServerUnaryReactor* CreateToken(grpc::CallbackServerContext* context,
                                        const admin::v1::CreateTokenRequest* request,
                                        admin::v1::CreateTokenResponse* response) override;
  grpc::ServerUnaryReactor* GetVersion(grpc::CallbackServerContext* context,
                                       const admin::v1::GetVersionRequest* request,
                                       admin::v1::GetVersionResponse* response) override;
  grpc::ServerUnaryReactor* WhoAmI(grpc::CallbackServerContext* context,
                                   const admin::v1::WhoAmIRequest* request,
                                   admin::v1::WhoAmIResponse* response) override;
  grpc::ServerUnaryReactor* CanI(grpc::CallbackServerContext* context,
                                 const admin::v1::CanIRequest* request,
                                 admin::v1::CanIResponse* response) override;
  grpc::ServerUnaryReactor* CreateUser(grpc::CallbackServerContext* context,
                                       const admin::v1::CreateUserRequest* request,
                                       admin::v1::CreateUserResponse* response) override;
  grpc::ServerUnaryReactor* ListUsers(grpc::CallbackServerContext* context,
                                      const admin::v1::ListUsersRequest* request,
                                      admin::v1::ListUsersResponse* response) override;
  grpc::ServerUnaryReactor* DeleteUser(grpc::CallbackServerContext* context,
                                       const admin::v1::DeleteUserRequest* request,
                                       admin::v1::DeleteUserResponse* response) override;
  grpc::ServerUnaryReactor* ListTokens(grpc::CallbackServerContext* context,
                                       const admin::v1::ListTokensRequest* request,
                                       admin::v1::ListTokensResponse* response) override;
  grpc::ServerUnaryReactor* DeleteToken(grpc::CallbackServerContext* context,
                                        const admin::v1::DeleteTokenRequest* request,
                                        admin::v1::DeleteTokenResponse* response) override;
  grpc::ServerWriteReactor<admin::v1::WatchEvent>* Watch(
      grpc::CallbackServerContext* context, const admin::v1::WatchRequest* request) override;
  grpc::ServerWriteReactor<admin::v1::RolloutStatusUpdate>* RolloutStatus(
      grpc::CallbackServerContext* context,
      const admin::v1::RolloutStatusRequest* request) override;
  grpc::ServerUnaryReactor* RolloutHistory(grpc::CallbackServerContext* context,
                                           const admin::v1::RolloutHistoryRequest* request,
                                           admin::v1::RolloutHistoryResponse* response) override;
  grpc::ServerUnaryReactor* RolloutUndo(grpc::CallbackServerContext* context,
                                        const admin::v1::RolloutUndoRequest* request,
                                        admin::v1::RolloutUndoResponse* response) override;
  grpc::ServerWriteReactor<admin::v1::LogsChunk>* Logs(
      grpc::CallbackServerContext* context, const admin::v1::LogsRequest* request) override;
  grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* Exec(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* Attach(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<admin::v1::PortForwardInput, admin::v1::PortForwardOutput>* PortForward(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Top(grpc::CallbackServerContext* context,
                                const admin::v1::TopRequest* request,
                                admin::v1::TopResponse* response) override;
  grpc::ServerUnaryReactor* RevokeNode(grpc::CallbackServerContext* context,
                                       const admin::v1::RevokeNodeRequest* request,
                                       admin::v1::RevokeNodeResponse* response) override;
  grpc::ServerUnaryReactor* RenewUser(grpc::CallbackServerContext* context,
                                      const admin::v1::RenewUserRequest* request,
                                      admin::v1::RenewUserResponse* response) override;
  grpc::ServerUnaryReactor* GetCaStatus(grpc::CallbackServerContext* context,
                                        const admin::v1::GetCaStatusRequest* request,
                                        admin::v1::GetCaStatusResponse* response) override;
  grpc::ServerUnaryReactor* RotateCa(grpc::CallbackServerContext* context,
                                     const admin::v1::RotateCaRequest* request,
                                     admin::v1::RotateCaResponse* response) override;
  grpc::ServerUnaryReactor* GetSealStatus(grpc::CallbackServerContext* context,
                                          const admin::v1::GetSealStatusRequest* request,
                                          admin::v1::GetSealStatusResponse* response) override;
  grpc::ServerUnaryReactor* RotateSeal(grpc::CallbackServerContext* context,
                                       const admin::v1::RotateSealRequest* request,
                                       admin::v1::RotateSealResponse* response) override;

 private:
  std::shared_ptr<AdminCall> NewCall(AdminCall::Kind kind, std::string_view rpc,
                                     const grpc::CallbackServerContext& context) const;
  grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* Process(
      ProcessKind kind, std::string_view rpc, grpc::CallbackServerContext* context);
  // Calls `answer` when the caller may, and finishes the call with what it returns.
  template <typename Request, typename Response, typename Answer>
  grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, const Request& request,
                                  Response& response, Answer answer);
  // The same for who wants to know the caller, or has something to say for the audit log.
  template <typename Request, typename Response, typename Answer>
  grpc::ServerUnaryReactor* ReplyTo(grpc::CallbackServerContext* context, const Request& request,
                                    Response& response, Answer answer);
  // What users may do has changed: calls that go on may not be theirs any more.
  void UsersChanged();

  AdminApi& api_;
  AccessApi& access_;
  TrustApi& trust_;
  TunnelBroker& tunnels_;
  const Authenticate authenticate_;
  const CallGuards guards_;
};

}  // namespace muster::coordinator
