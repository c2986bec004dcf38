#include <grpcpp/grpcpp.h>

#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/pki/grpc_credentials.h"
#include "ctl/client/connect.h"
#include "muster/admin/v1/admin.grpc.pb.h"

namespace muster::ctl {
namespace {

constexpr int kMessageBytesMax = 64 << 20;

absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  absl::Status result(static_cast<absl::StatusCode>(status.error_code()), status.error_message());
  admin::v1::ErrorDetails details;
  if (!status.error_details().empty() && details.ParseFromString(status.error_details())) {
    for (const google::protobuf::Any& detail : details.details()) {
      result.SetPayload(detail.type_url(), absl::Cord(detail.value()));
    }
  }
  return result;
}

template <typename Input, typename Output>
class GrpcTwoWayStream final : public AdminClient::TwoWayStream<Input, Output> {
 public:
  using Stream = grpc::ClientReaderWriter<Input, Output>;

  GrpcTwoWayStream(admin::v1::Admin::Stub& stub,
                   std::unique_ptr<Stream> (admin::v1::Admin::Stub::*method)(grpc::ClientContext*))
      : stream_((stub.*method)(&context_)) {}
  bool Write(const Input& input) override { return stream_->Write(input); }
  bool Read(Output& output) override { return stream_->Read(&output); }
  absl::Status Finish() override { return FromGrpc(stream_->Finish()); }
  void Cancel() override { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  const std::unique_ptr<Stream> stream_;
};

class GrpcLogStream final : public AdminClient::LogStream {
 public:
  GrpcLogStream(admin::v1::Admin::Stub& stub, const admin::v1::LogsRequest& request)
      : stream_(stub.Logs(&context_, request)) {}
  bool Read(admin::v1::LogsChunk& output) override { return stream_->Read(&output); }
  absl::Status Finish() override { return FromGrpc(stream_->Finish()); }
  void Cancel() override { context_.TryCancel(); }

 private:
  grpc::ClientContext context_;
  const std::unique_ptr<grpc::ClientReader<admin::v1::LogsChunk>> stream_;
};

class GrpcAdminClient final : public AdminClient {
 public:
  explicit GrpcAdminClient(std::shared_ptr<grpc::Channel> channel)
      : stub_(admin::v1::Admin::NewStub(std::move(channel))) {}

  absl::StatusOr<admin::v1::ApplyResponse> Apply(const admin::v1::ApplyRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Apply);
  }
  absl::StatusOr<admin::v1::UpdateResponse> Update(
      const admin::v1::UpdateRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Update);
  }
  absl::StatusOr<admin::v1::GetResponse> Get(const admin::v1::GetRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Get);
  }
  absl::StatusOr<admin::v1::ListResponse> List(const admin::v1::ListRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::List);
  }
  absl::StatusOr<admin::v1::DeleteResponse> Delete(
      const admin::v1::DeleteRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Delete);
  }
  absl::StatusOr<admin::v1::DescribeResponse> Describe(
      const admin::v1::DescribeRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Describe);
  }
  absl::StatusOr<admin::v1::PlanResponse> Plan(const admin::v1::PlanRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Plan);
  }
  absl::StatusOr<admin::v1::WhyResponse> Why(const admin::v1::WhyRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Why);
  }
  absl::StatusOr<admin::v1::RolloutHistoryResponse> RolloutHistory(
      const admin::v1::RolloutHistoryRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::RolloutHistory);
  }
  absl::StatusOr<admin::v1::RolloutUndoResponse> RolloutUndo(
      const admin::v1::RolloutUndoRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::RolloutUndo);
  }
  absl::StatusOr<admin::v1::RolloutNodesResponse> RolloutNodes(
      const admin::v1::RolloutNodesRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::RolloutNodes);
  }
  absl::StatusOr<admin::v1::CreateTokenResponse> CreateToken(
      const admin::v1::CreateTokenRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::CreateToken);
  }
  absl::StatusOr<admin::v1::GetVersionResponse> GetVersion() override {
    return Call(admin::v1::GetVersionRequest(), &admin::v1::Admin::Stub::GetVersion);
  }
  absl::StatusOr<admin::v1::WhoAmIResponse> WhoAmI(
      const admin::v1::WhoAmIRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::WhoAmI);
  }
  absl::StatusOr<admin::v1::CanIResponse> CanI(const admin::v1::CanIRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::CanI);
  }
  absl::StatusOr<admin::v1::CreateUserResponse> CreateUser(
      const admin::v1::CreateUserRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::CreateUser);
  }
  absl::StatusOr<admin::v1::ListUsersResponse> ListUsers(
      const admin::v1::ListUsersRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::ListUsers);
  }
  absl::StatusOr<admin::v1::DeleteUserResponse> DeleteUser(
      const admin::v1::DeleteUserRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::DeleteUser);
  }
  absl::StatusOr<admin::v1::ListTokensResponse> ListTokens(
      const admin::v1::ListTokensRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::ListTokens);
  }
  absl::StatusOr<admin::v1::DeleteTokenResponse> DeleteToken(
      const admin::v1::DeleteTokenRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::DeleteToken);
  }
  absl::StatusOr<admin::v1::RevokeNodeResponse> RevokeNode(
      const admin::v1::RevokeNodeRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::RevokeNode);
  }
  absl::StatusOr<admin::v1::RenewUserResponse> RenewUser(
      const admin::v1::RenewUserRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::RenewUser);
  }
  absl::StatusOr<admin::v1::GetCaStatusResponse> GetCaStatus(
      const admin::v1::GetCaStatusRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::GetCaStatus);
  }
  absl::StatusOr<admin::v1::RotateCaResponse> RotateCa(
      const admin::v1::RotateCaRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::RotateCa);
  }
  absl::StatusOr<admin::v1::GetSealStatusResponse> GetSealStatus(
      const admin::v1::GetSealStatusRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::GetSealStatus);
  }
  absl::StatusOr<admin::v1::RotateSealResponse> RotateSeal(
      const admin::v1::RotateSealRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::RotateSeal);
  }

  absl::Status Watch(const admin::v1::WatchRequest& request,
                     std::optional<std::chrono::milliseconds> timeout,
                     const Each<admin::v1::WatchEvent>& each) override {
    return Stream(request, timeout, &admin::v1::Admin::Stub::Watch, each);
  }
  absl::Status RolloutStatus(const admin::v1::RolloutStatusRequest& request,
                             std::optional<std::chrono::milliseconds> timeout,
                             const Each<admin::v1::RolloutStatusUpdate>& each) override {
    return Stream(request, timeout, &admin::v1::Admin::Stub::RolloutStatus, each);
  }
  absl::Status Logs(const admin::v1::LogsRequest& request,
                    const Each<admin::v1::LogsChunk>& each) override {
    return Stream(request, std::nullopt, &admin::v1::Admin::Stub::Logs, each);
  }
  std::unique_ptr<LogStream> OpenLogs(const admin::v1::LogsRequest& request) override {
    return std::make_unique<GrpcLogStream>(*stub_, request);
  }
  std::unique_ptr<ExecStream> Exec() override {
    return Open<admin::v1::ExecInput, admin::v1::ExecOutput>(&admin::v1::Admin::Stub::Exec);
  }
  std::unique_ptr<ExecStream> Attach() override {
    return Open<admin::v1::ExecInput, admin::v1::ExecOutput>(&admin::v1::Admin::Stub::Attach);
  }
  std::unique_ptr<ForwardStream> PortForward() override {
    return Open<admin::v1::PortForwardInput, admin::v1::PortForwardOutput>(
        &admin::v1::Admin::Stub::PortForward);
  }
  absl::StatusOr<admin::v1::TopResponse> Top(const admin::v1::TopRequest& request) override {
    return Call(request, &admin::v1::Admin::Stub::Top);
  }

 private:
  template <typename Input, typename Output>
  std::unique_ptr<TwoWayStream<Input, Output>> Open(
      std::unique_ptr<grpc::ClientReaderWriter<Input, Output>> (admin::v1::Admin::Stub::*method)(
          grpc::ClientContext*)) {
    return std::make_unique<GrpcTwoWayStream<Input, Output>>(*stub_, method);
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Call(const Request& request,
                                grpc::Status (admin::v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                               const Request&,
                                                                               Response*)) {
    grpc::ClientContext context;
    Response response;
    const grpc::Status status = (stub_.get()->*method)(&context, request, &response);
    if (!status.ok()) return FromGrpc(status);
    return response;
  }

  template <typename Request, typename Message>
  absl::Status Stream(const Request& request, std::optional<std::chrono::milliseconds> timeout,
                      std::unique_ptr<grpc::ClientReader<Message>> (
                          admin::v1::Admin::Stub::*method)(grpc::ClientContext*, const Request&),
                      const Each<Message>& each) {
    grpc::ClientContext context;
    if (timeout.has_value()) context.set_deadline(std::chrono::system_clock::now() + *timeout);
    auto reader = (stub_.get()->*method)(&context, request);
    Message message;
    while (reader->Read(&message)) {
      if (each(message)) continue;
      context.TryCancel();
      reader->Finish();
      return absl::OkStatus();
    }
    return FromGrpc(reader->Finish());
  }

  const std::unique_ptr<admin::v1::Admin::Stub> stub_;
};

std::shared_ptr<grpc::ChannelCredentials> CredentialsFor(const Endpoint& endpoint) {
  // The socket's file mode and the peer's credentials guard it.
  if (absl::StartsWith(endpoint.server, "unix:")) return grpc::InsecureChannelCredentials();
  pki::ClientIdentity identity;
  identity.ca_pem = endpoint.ca_pem;
  identity.certificate_pem = endpoint.certificate_pem;
  identity.key_pem = endpoint.key_pem;
  return pki::ClientChannelCredentials(identity);
}

}  // namespace

absl::StatusOr<std::unique_ptr<AdminClient>> Connect(const Endpoint& endpoint) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageBytesMax);
  arguments.SetMaxSendMessageSize(kMessageBytesMax);
  // Proxies of the environment are for the web.
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  if (!absl::StartsWith(endpoint.server, "unix:")) {
    // The fleet's own CA is pinned, so the certificate's fixed name holds at any address.
    arguments.SetSslTargetNameOverride("muster-coordinator");
  } else {
    arguments.SetString(GRPC_ARG_DEFAULT_AUTHORITY, "localhost");
  }
  return std::make_unique<GrpcAdminClient>(
      grpc::CreateCustomChannel(endpoint.server, CredentialsFor(endpoint), arguments));
}

}  // namespace muster::ctl
