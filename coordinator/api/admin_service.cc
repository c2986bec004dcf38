#include "coordinator/api/admin_service.h"

#include <utility>

#include "common/version/version.h"
#include "coordinator/api/container_streams.h"
#include "coordinator/api/forward_stream.h"
#include "coordinator/api/usage_call.h"
#include "coordinator/api/watch_streams.h"
#include "coordinator/rpc/status.h"

namespace muster::coordinator {

AdminService::AdminService(AdminApi& api, TunnelBroker& tunnels, CreateNewToken create_token,
                           Authorize authorize)
    : api_(api),
      tunnels_(tunnels),
      create_token_(std::move(create_token)),
      authorize_(std::move(authorize)) {}

template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* AdminService::Reply(grpc::CallbackServerContext* context,
                                              const Request& request, Response& response,
                                              Answer answer) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  absl::Status status = authorize_(*context);
  if (status.ok()) {
    absl::StatusOr<Response> result = answer(request);
    status = result.status();
    if (result.ok()) response = *std::move(result);
  }
  reactor->Finish(ToGrpc(status));
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::Apply(grpc::CallbackServerContext* context,
                                              const admin::v1::ApplyRequest* request,
                                              admin::v1::ApplyResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Apply(r); });
}

grpc::ServerUnaryReactor* AdminService::Update(grpc::CallbackServerContext* context,
                                               const admin::v1::UpdateRequest* request,
                                               admin::v1::UpdateResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Update(r); });
}

grpc::ServerUnaryReactor* AdminService::Get(grpc::CallbackServerContext* context,
                                            const admin::v1::GetRequest* request,
                                            admin::v1::GetResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Get(r); });
}

grpc::ServerUnaryReactor* AdminService::List(grpc::CallbackServerContext* context,
                                             const admin::v1::ListRequest* request,
                                             admin::v1::ListResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.List(r); });
}

grpc::ServerUnaryReactor* AdminService::Delete(grpc::CallbackServerContext* context,
                                               const admin::v1::DeleteRequest* request,
                                               admin::v1::DeleteResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Delete(r); });
}

grpc::ServerUnaryReactor* AdminService::Describe(grpc::CallbackServerContext* context,
                                                 const admin::v1::DescribeRequest* request,
                                                 admin::v1::DescribeResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Describe(r); });
}

grpc::ServerUnaryReactor* AdminService::Plan(grpc::CallbackServerContext* context,
                                             const admin::v1::PlanRequest* request,
                                             admin::v1::PlanResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Plan(r); });
}

grpc::ServerUnaryReactor* AdminService::Why(grpc::CallbackServerContext* context,
                                            const admin::v1::WhyRequest* request,
                                            admin::v1::WhyResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Why(r); });
}

grpc::ServerUnaryReactor* AdminService::RolloutNodes(grpc::CallbackServerContext* context,
                                                     const admin::v1::RolloutNodesRequest* request,
                                                     admin::v1::RolloutNodesResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return api_.RolloutNodes(r); });
}

grpc::ServerUnaryReactor* AdminService::CreateToken(grpc::CallbackServerContext* context,
                                                    const admin::v1::CreateTokenRequest* request,
                                                    admin::v1::CreateTokenResponse* response) {
  return Reply(context, *request, *response, create_token_);
}

grpc::ServerUnaryReactor* AdminService::GetVersion(grpc::CallbackServerContext* context,
                                                   const admin::v1::GetVersionRequest* request,
                                                   admin::v1::GetVersionResponse* response) {
  return Reply(context, *request, *response, [](const auto&) {
    admin::v1::GetVersionResponse version;
    version.set_version(Version());
    version.set_git_revision(GitVersion());
    return absl::StatusOr<admin::v1::GetVersionResponse>(std::move(version));
  });
}

grpc::ServerWriteReactor<admin::v1::WatchEvent>* AdminService::Watch(
    grpc::CallbackServerContext* context, const admin::v1::WatchRequest* request) {
  return NewWatchStream(authorize_(*context), api_, *request);
}

grpc::ServerWriteReactor<admin::v1::RolloutStatusUpdate>* AdminService::RolloutStatus(
    grpc::CallbackServerContext* context, const admin::v1::RolloutStatusRequest* request) {
  return NewRolloutStream(authorize_(*context), api_, *request);
}

grpc::ServerUnaryReactor* AdminService::RolloutHistory(
    grpc::CallbackServerContext* context, const admin::v1::RolloutHistoryRequest* request,
    admin::v1::RolloutHistoryResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return api_.RolloutHistory(r); });
}

grpc::ServerUnaryReactor* AdminService::RolloutUndo(grpc::CallbackServerContext* context,
                                                    const admin::v1::RolloutUndoRequest* request,
                                                    admin::v1::RolloutUndoResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.RolloutUndo(r); });
}

grpc::ServerWriteReactor<admin::v1::LogsChunk>* AdminService::Logs(
    grpc::CallbackServerContext* context, const admin::v1::LogsRequest* request) {
  return NewLogsStream(authorize_(*context), api_, tunnels_, *request, context);
}

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Exec(
    grpc::CallbackServerContext* context) {
  return NewExecStream(ProcessKind::kNew, authorize_(*context), api_, tunnels_, context);
}

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Attach(
    grpc::CallbackServerContext* context) {
  return NewExecStream(ProcessKind::kMain, authorize_(*context), api_, tunnels_, context);
}

grpc::ServerBidiReactor<admin::v1::PortForwardInput, admin::v1::PortForwardOutput>*
AdminService::PortForward(grpc::CallbackServerContext* context) {
  return NewForwardStream(authorize_(*context), api_, tunnels_, context);
}

grpc::ServerUnaryReactor* AdminService::Top(grpc::CallbackServerContext* context,
                                            const admin::v1::TopRequest* request,
                                            admin::v1::TopResponse* response) {
  return NewTopCall(authorize_(*context), api_, tunnels_, *request, response, context);
}

}  // namespace muster::coordinator
