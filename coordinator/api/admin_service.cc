#include "coordinator/api/admin_service.h"

#include <utility>

#include "common/base/macros.h"
#include "common/version/version.h"
#include "coordinator/api/container_streams.h"
#include "coordinator/api/forward_stream.h"
#include "coordinator/api/usage_call.h"
#include "coordinator/api/watch_streams.h"
#include "coordinator/authz/authorize.h"
#include "coordinator/rpc/status.h"

namespace muster::coordinator {
namespace {

// The RPC that takes such a message, which is one alone. Empty, and so refused to everybody, when
// that is not so.
std::string_view RpcOf(const google::protobuf::Descriptor* request) {
  const google::protobuf::ServiceDescriptor* service = request->file()->FindServiceByName("Admin");
  std::string_view rpc;
  for (int i = 0; service != nullptr && i < service->method_count(); ++i) {
    if (service->method(i)->input_type() != request) continue;
    if (!rpc.empty()) return "";
    rpc = service->method(i)->name();
  }
  return rpc;
}

}  // namespace

AdminService::AdminService(AdminApi& api, AccessApi& access, TrustApi& trust, TunnelBroker& tunnels,
                           Authenticate authenticate)
    : api_(api),
      access_(access),
      trust_(trust),
      tunnels_(tunnels),
      authenticate_(std::move(authenticate)) {}

absl::Status AdminService::Allow(const grpc::CallbackServerContext& context, std::string_view rpc,
                                 const google::protobuf::Message& request) const {
  MUSTER_ASSIGN_OR_RETURN(const Identity caller, authenticate_(context));
  return Authorize(caller, rpc, request);
}

template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* AdminService::ReplyTo(grpc::CallbackServerContext* context,
                                                const Request& request, Response& response,
                                                Answer answer) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const auto reply = [&]() -> absl::Status {
    MUSTER_ASSIGN_OR_RETURN(const Identity caller, authenticate_(*context));
    MUSTER_RETURN_IF_ERROR(Authorize(caller, RpcOf(Request::descriptor()), request));
    MUSTER_ASSIGN_OR_RETURN(response, answer(caller, request));
    return absl::OkStatus();
  };
  reactor->Finish(ToGrpc(reply()));
  return reactor;
}

template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* AdminService::Reply(grpc::CallbackServerContext* context,
                                              const Request& request, Response& response,
                                              Answer answer) {
  return ReplyTo(
      context, request, response,
      [&](const Identity&, const Request& r) -> absl::StatusOr<Response> { return answer(r); });
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
  return Reply(context, *request, *response,
               [this](const auto& r) { return access_.CreateToken(r); });
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
  return NewWatchStream(Allow(*context, "Watch", *request), api_, *request);
}

grpc::ServerWriteReactor<admin::v1::RolloutStatusUpdate>* AdminService::RolloutStatus(
    grpc::CallbackServerContext* context, const admin::v1::RolloutStatusRequest* request) {
  return NewRolloutStream(Allow(*context, "RolloutStatus", *request), api_, *request);
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
  return NewLogsStream(Allow(*context, "Logs", *request), api_, tunnels_, *request, context);
}

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Exec(
    grpc::CallbackServerContext* context) {
  return Process(ProcessKind::kNew, "Exec", context);
}

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Attach(
    grpc::CallbackServerContext* context) {
  return Process(ProcessKind::kMain, "Attach", context);
}

// What they are about comes with the first message.
grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Process(
    ProcessKind kind, std::string_view rpc, grpc::CallbackServerContext* context) {
  return NewExecStream(
      kind, authenticate_(*context).status(),
      [this, rpc, context](const admin::v1::ExecInput& first) {
        return Allow(*context, rpc, first);
      },
      api_, tunnels_, context);
}

grpc::ServerBidiReactor<admin::v1::PortForwardInput, admin::v1::PortForwardOutput>*
AdminService::PortForward(grpc::CallbackServerContext* context) {
  return NewForwardStream(
      authenticate_(*context).status(),
      [this, context](const admin::v1::PortForwardInput& first) {
        return Allow(*context, "PortForward", first);
      },
      api_, tunnels_, context);
}

grpc::ServerUnaryReactor* AdminService::Top(grpc::CallbackServerContext* context,
                                            const admin::v1::TopRequest* request,
                                            admin::v1::TopResponse* response) {
  return NewTopCall(Allow(*context, "Top", *request), api_, tunnels_, *request, response, context);
}

grpc::ServerUnaryReactor* AdminService::CreateUser(grpc::CallbackServerContext* context,
                                                   const admin::v1::CreateUserRequest* request,
                                                   admin::v1::CreateUserResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return access_.CreateUser(r); });
}

grpc::ServerUnaryReactor* AdminService::ListUsers(grpc::CallbackServerContext* context,
                                                  const admin::v1::ListUsersRequest* request,
                                                  admin::v1::ListUsersResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return access_.ListUsers(r); });
}

grpc::ServerUnaryReactor* AdminService::DeleteUser(grpc::CallbackServerContext* context,
                                                   const admin::v1::DeleteUserRequest* request,
                                                   admin::v1::DeleteUserResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return access_.DeleteUser(r); });
}

grpc::ServerUnaryReactor* AdminService::ListTokens(grpc::CallbackServerContext* context,
                                                   const admin::v1::ListTokensRequest* request,
                                                   admin::v1::ListTokensResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return access_.ListTokens(r); });
}

grpc::ServerUnaryReactor* AdminService::DeleteToken(grpc::CallbackServerContext* context,
                                                    const admin::v1::DeleteTokenRequest* request,
                                                    admin::v1::DeleteTokenResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return access_.DeleteToken(r); });
}

grpc::ServerUnaryReactor* AdminService::WhoAmI(grpc::CallbackServerContext* context,
                                               const admin::v1::WhoAmIRequest* request,
                                               admin::v1::WhoAmIResponse* response) {
  return ReplyTo(context, *request, *response, [](const Identity& caller, const auto& r) {
    return coordinator::WhoAmI(caller, r);
  });
}

grpc::ServerUnaryReactor* AdminService::CanI(grpc::CallbackServerContext* context,
                                             const admin::v1::CanIRequest* request,
                                             admin::v1::CanIResponse* response) {
  return ReplyTo(context, *request, *response, [](const Identity& caller, const auto& r) {
    return coordinator::CanI(caller, r);
  });
}

grpc::ServerUnaryReactor* AdminService::RevokeNode(grpc::CallbackServerContext* context,
                                                   const admin::v1::RevokeNodeRequest* request,
                                                   admin::v1::RevokeNodeResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return trust_.RevokeNode(r); });
}

grpc::ServerUnaryReactor* AdminService::RenewUser(grpc::CallbackServerContext* context,
                                                  const admin::v1::RenewUserRequest* request,
                                                  admin::v1::RenewUserResponse* response) {
  return ReplyTo(context, *request, *response, [this](const Identity& caller, const auto& r) {
    return trust_.RenewUser(caller, r);
  });
}

grpc::ServerUnaryReactor* AdminService::GetCaStatus(grpc::CallbackServerContext* context,
                                                    const admin::v1::GetCaStatusRequest* request,
                                                    admin::v1::GetCaStatusResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return trust_.GetCaStatus(r); });
}

grpc::ServerUnaryReactor* AdminService::RotateCa(grpc::CallbackServerContext* context,
                                                 const admin::v1::RotateCaRequest* request,
                                                 admin::v1::RotateCaResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return trust_.RotateCa(r); });
}

grpc::ServerUnaryReactor* AdminService::GetSealStatus(
    grpc::CallbackServerContext* context, const admin::v1::GetSealStatusRequest* request,
    admin::v1::GetSealStatusResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return trust_.GetSealStatus(r); });
}

grpc::ServerUnaryReactor* AdminService::RotateSeal(grpc::CallbackServerContext* context,
                                                   const admin::v1::RotateSealRequest* request,
                                                   admin::v1::RotateSealResponse* response) {
  return Reply(context, *request, *response,
               [this](const auto& r) { return trust_.RotateSeal(r); });
}

}  // namespace muster::coordinator
