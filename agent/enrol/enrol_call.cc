#include "agent/enrol/enrol_call.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "common/base/mutex.h"
#include "common/pki/grpc_credentials.h"
#include "common/pki/pki.h"
#include "muster/session/v1/session.grpc.pb.h"

namespace muster::agent {

namespace {

using session::v1::AgentSession;

constexpr std::chrono::seconds kRenewPatience{15};

std::unique_ptr<AgentSession::Stub> Dial(const std::string& coordinator,
                                         const std::string& ca_pem) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(pki::kCoordinatorDnsName);
  // Not one of before, which may be from before another CA.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  const auto credentials = pki::ClientChannelCredentials({ca_pem, "", ""});
  return AgentSession::NewStub(grpc::CreateCustomChannel(coordinator, credentials, arguments));
}

template <typename Response>
absl::StatusOr<RenewedCertificate> AnswerOf(const std::string& coordinator,
                                            const grpc::Status& status, Response& response) {
  if (!status.ok()) {
    // The two have the same numbers.
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat(coordinator, ": ", status.error_message()));
  }
  return RenewedCertificate{std::move(*response.mutable_certificate_pem()),
                            std::move(*response.mutable_ca_pem())};
}

}  // namespace

absl::StatusOr<RenewedCertificate> CallEnrol(const EnrolCall& call) {
  const auto stub = Dial(call.coordinator, call.ca_pem);
  session::v1::EnrolRequest request;
  request.set_token(call.token);
  request.set_node_name(call.request.node_name);
  request.set_csr_pem(call.csr_pem);
  for (const auto& [key, value] : call.request.labels) (*request.mutable_labels())[key] = value;
  for (const v1::Taint& taint : call.request.taints) *request.add_taints() = taint;

  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + call.timeout);
  session::v1::EnrolResponse response;
  const grpc::Status status = stub->Enrol(&context, request, &response);
  return AnswerOf(call.coordinator, status, response);
}

// What a call needs until its end; the callback shares it.
struct RenewClient::State {
  Mutex mutex;
  bool under_way ABSL_GUARDED_BY(mutex) = false;
  std::shared_ptr<grpc::ClientContext> context ABSL_GUARDED_BY(mutex);
};

RenewClient::RenewClient(std::string coordinator)
    : coordinator_(std::move(coordinator)), state_(std::make_shared<State>()) {}

RenewClient::~RenewClient() {
  MutexLock lock(&state_->mutex);
  if (state_->context != nullptr) state_->context->TryCancel();
  state_->mutex.Await([this] {
    state_->mutex.AssertHeld();
    return !state_->under_way;
  });
}

void RenewClient::Start(RenewCall call, Done done) {
  struct Call {
    std::unique_ptr<AgentSession::Stub> stub;
    session::v1::RenewRequest request;
    session::v1::RenewResponse response;
  };
  const auto made = std::make_shared<Call>();
  made->stub = Dial(coordinator_, call.ca_pem);
  made->request.set_node_name(std::move(call.node_name));
  made->request.set_csr_pem(std::move(call.csr_pem));
  const auto context = std::make_shared<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + kRenewPatience);
  {
    MutexLock lock(&state_->mutex);
    state_->under_way = true;
    state_->context = context;
  }
  made->stub->async()->Renew(context.get(), &made->request, &made->response,
                             [state = state_, coordinator = coordinator_, made, context,
                              done = std::move(done)](const grpc::Status& status) {
                               done(AnswerOf(coordinator, status, made->response));
                               MutexLock lock(&state->mutex);
                               state->context.reset();
                               state->under_way = false;
                             });
}

}  // namespace muster::agent
