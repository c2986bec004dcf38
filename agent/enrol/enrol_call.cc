#include "agent/enrol/enrol_call.h"

#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/support/channel_arguments.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "common/pki/grpc_credentials.h"
#include "common/pki/pki.h"
#include "muster/session/v1/session.grpc.pb.h"

namespace muster::agent {

absl::StatusOr<std::string> CallEnrol(const EnrolCall& call) {
  grpc::ChannelArguments arguments;
  arguments.SetSslTargetNameOverride(pki::kCoordinatorDnsName);
  const auto credentials = pki::ClientChannelCredentials({call.ca_pem, "", ""});
  const auto stub = session::v1::AgentSession::NewStub(
      grpc::CreateCustomChannel(call.coordinator, credentials, arguments));

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
  if (!status.ok()) {
    // The two have the same numbers.
    return absl::Status(static_cast<absl::StatusCode>(status.error_code()),
                        absl::StrCat(call.coordinator, ": ", status.error_message()));
  }
  return response.certificate_pem();
}

}  // namespace muster::agent
