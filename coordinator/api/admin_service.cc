#include "coordinator/api/admin_service.h"

#include <utility>

#include "common/base/macros.h"
#include "common/model/kinds.h"
#include "common/version/version.h"
#include "coordinator/api/container_streams.h"
#include "coordinator/api/forward_stream.h"
#include "coordinator/api/usage_call.h"
#include "coordinator/api/watch_streams.h"
#include "coordinator/authz/access.h"
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
                           Authenticate authenticate, const CallGuards& guards)
    : api_(api),
      access_(access),
      trust_(trust),
      tunnels_(tunnels),
      authenticate_(std::move(authenticate)),
      guards_(guards) {}

std::shared_ptr<AdminCall> AdminService::NewCall(AdminCall::Kind kind, std::string_view rpc,
                                                 const grpc::CallbackServerContext& context) const {
  return AdminCall::New(kind, rpc, authenticate_, guards_, context);
}

void AdminService::UsersChanged() {
  if (guards_.live != nullptr) guards_.live->CheckAll();
}

template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* AdminService::ReplyTo(grpc::CallbackServerContext* context,
                                                const Request& request, Response& response,
                                                Answer answer) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const std::shared_ptr<AdminCall> call =
      NewCall(AdminCall::Kind::kUnary, RpcOf(Request::descriptor()), *context);
  const auto reply = [&]() -> absl::Status {
    MUSTER_RETURN_IF_ERROR(call->Begin(request));
    MUSTER_ASSIGN_OR_RETURN(response, answer(*call, request));
    return absl::OkStatus();
  };
  const absl::Status status = reply();
  call->Finish(status);
  reactor->Finish(ToGrpc(status));
  return reactor;
}

template <typename Request, typename Response, typename Answer>
grpc::ServerUnaryReactor* AdminService::Reply(grpc::CallbackServerContext* context,
                                              const Request& request, Response& response,
                                              Answer answer) {
  return ReplyTo(
      context, request, response,
      [&](AdminCall&, const Request& r) -> absl::StatusOr<Response> { return answer(r); });
}

grpc::ServerUnaryReactor* AdminService::Apply(grpc::CallbackServerContext* context,
                                              const admin::v1::ApplyRequest* request,
                                              admin::v1::ApplyResponse* response) {
  return ReplyTo(
      context, *request, *response,
      [this](AdminCall& call, const auto& r) -> absl::StatusOr<admin::v1::ApplyResponse> {
        MUSTER_RETURN_IF_ERROR(call.CheckCreates());
        // To apply is to patch; what is not there yet takes the right to make it, too.
        auto applied = api_.Apply(r, &call.notes(), [&call](const v1::Object& object) {
          const v1::ObjectMeta& metadata = model::MetadataOf(object);
          return Authorize(call.caller(), AccessTo("create", model::InfoOf(object).plural,
                                                   metadata.namespace_(), metadata.name()));
        });
        if (applied.ok()) call.ChargeCreates();
        return applied;
      });
}

grpc::ServerUnaryReactor* AdminService::Update(grpc::CallbackServerContext* context,
                                               const admin::v1::UpdateRequest* request,
                                               admin::v1::UpdateResponse* response) {
  return ReplyTo(context, *request, *response,
                 [this](AdminCall& call, const auto& r) { return api_.Update(r, &call.notes()); });
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
  return ReplyTo(context, *request, *response,
                 [this](AdminCall& call, const auto& r) { return api_.Delete(r, &call.notes()); });
}

grpc::ServerUnaryReactor* AdminService::Describe(grpc::CallbackServerContext* context,
                                                 const admin::v1::DescribeRequest* request,
                                                 admin::v1::DescribeResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) { return api_.Describe(r); });
}

grpc::ServerUnaryReactor* AdminService::Plan(grpc::CallbackServerContext* context,
                                             const admin::v1::PlanRequest* request,
                                             admin::v1::PlanResponse* response) {
  return ReplyTo(context, *request, *response, [this](AdminCall& call, const auto& r) {
    return api_.Plan(r, call.caller().namespaces);
  });
}

grpc::ServerUnaryReactor* AdminService::Why(grpc::CallbackServerContext* context,
                                            const admin::v1::WhyRequest* request,
                                            admin::v1::WhyResponse* response) {
  return ReplyTo(context, *request, *response, [this](AdminCall& call, const auto& r) {
    return api_.Why(r, call.caller().namespaces);
  });
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
  return NewWatchStream(NewCall(AdminCall::Kind::kStream, "Watch", *context), api_, *request,
                        context);
}

grpc::ServerWriteReactor<admin::v1::RolloutStatusUpdate>* AdminService::RolloutStatus(
    grpc::CallbackServerContext* context, const admin::v1::RolloutStatusRequest* request) {
  return NewRolloutStream(NewCall(AdminCall::Kind::kStream, "RolloutStatus", *context), api_,
                          *request, context);
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
  return ReplyTo(context, *request, *response, [this](AdminCall& call, const auto& r) {
    return api_.RolloutUndo(r, &call.notes());
  });
}

grpc::ServerWriteReactor<admin::v1::LogsChunk>* AdminService::Logs(
    grpc::CallbackServerContext* context, const admin::v1::LogsRequest* request) {
  return NewLogsStream(NewCall(AdminCall::Kind::kStream, "Logs", *context), api_, tunnels_,
                       *request, context);
}

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Exec(
    grpc::CallbackServerContext* context) {
  return Process(ProcessKind::kNew, "Exec", context);
}

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Attach(
    grpc::CallbackServerContext* context) {
  return Process(ProcessKind::kMain, "Attach", context);
}

grpc::ServerBidiReactor<admin::v1::ExecInput, admin::v1::ExecOutput>* AdminService::Process(
    ProcessKind kind, std::string_view rpc, grpc::CallbackServerContext* context) {
  return NewExecStream(kind, NewCall(AdminCall::Kind::kStream, rpc, *context), api_, tunnels_,
                       context);
}

grpc::ServerBidiReactor<admin::v1::PortForwardInput, admin::v1::PortForwardOutput>*
AdminService::PortForward(grpc::CallbackServerContext* context) {
  return NewForwardStream(NewCall(AdminCall::Kind::kStream, "PortForward", *context), api_,
                          tunnels_, context);
}

grpc::ServerUnaryReactor* AdminService::Top(grpc::CallbackServerContext* context,
                                            const admin::v1::TopRequest* request,
                                            admin::v1::TopResponse* response) {
  return NewTopCall(NewCall(AdminCall::Kind::kUnary, "Top", *context), api_, tunnels_, *request,
                    response, context);
}

grpc::ServerUnaryReactor* AdminService::CreateUser(grpc::CallbackServerContext* context,
                                                   const admin::v1::CreateUserRequest* request,
                                                   admin::v1::CreateUserResponse* response) {
  return Reply(context, *request, *response, [this](const auto& r) {
    auto created = access_.CreateUser(r);
    if (created.ok()) UsersChanged();
    return created;
  });
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
  return Reply(context, *request, *response, [this](const auto& r) {
    auto deleted = access_.DeleteUser(r);
    if (deleted.ok()) UsersChanged();
    return deleted;
  });
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
  return ReplyTo(context, *request, *response, [](AdminCall& call, const auto& r) {
    return coordinator::WhoAmI(call.caller(), r);
  });
}

grpc::ServerUnaryReactor* AdminService::CanI(grpc::CallbackServerContext* context,
                                             const admin::v1::CanIRequest* request,
                                             admin::v1::CanIResponse* response) {
  return ReplyTo(context, *request, *response, [](AdminCall& call, const auto& r) {
    return coordinator::CanI(call.caller(), r);
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
  return ReplyTo(context, *request, *response, [this](AdminCall& call, const auto& r) {
    return trust_.RenewUser(call.caller(), r);
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
