#pragma once

#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/api/admin_api.h"
#include "coordinator/tunnel/tunnel.h"
#include "grpcpp/server_context.h"
#include "muster/admin/v1/admin.grpc.pb.h"

namespace muster::coordinator {

// The gRPC face towards administrators: translates and hands over, decides nothing.
class AdminService final : public admin::v1::Admin::CallbackService {
 public:
  // May this caller use the API at all? Called on threads of gRPC.
  using Authorize = std::function<absl::Status(const grpc::CallbackServerContext& context)>;
  using CreateNewToken = std::function<absl::StatusOr<admin::v1::CreateTokenResponse>(
      const admin::v1::CreateTokenRequest& request)>;

  // `api` and `tunnels` outlive the server.
  AdminService(AdminApi& api, TunnelBroker& tunnels, CreateNewToken create_token,
               Authorize authorize);

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

 private:
  // Calls `answer` when the caller may, and finishes the call with what it returns.
  template <typename Request, typename Response, typename Answer>
  grpc::ServerUnaryReactor* Reply(grpc::CallbackServerContext* context, const Request& request,
                                  Response& response, Answer answer);

  AdminApi& api_;
  TunnelBroker& tunnels_;
  const CreateNewToken create_token_;
  const Authorize authorize_;
};

}  // namespace muster::coordinator
