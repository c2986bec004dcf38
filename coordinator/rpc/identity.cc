#include "coordinator/rpc/identity.h"

#include <utility>
#include <vector>

#include "common/base/macros.h"
#include "common/pki/pki.h"
#include "grpc/grpc_security_constants.h"
#include "grpcpp/security/auth_context.h"
#include "grpcpp/server_context.h"

namespace muster::coordinator {
namespace {

absl::StatusOr<std::string> PeerPem(const grpc::ServerContextBase& context) {
  const std::shared_ptr<const grpc::AuthContext> auth = context.auth_context();
  std::vector<grpc::string_ref> certificates;
  if (auth != nullptr) certificates = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (certificates.empty()) {
    return absl::UnauthenticatedError("this call needs a client certificate of this fleet");
  }
  return std::string(certificates.front().data(), certificates.front().size());
}

}  // namespace

absl::StatusOr<NodeCertificate> NodeOf(const grpc::ServerContextBase& context) {
  MUSTER_ASSIGN_OR_RETURN(std::string pem, PeerPem(context));
  MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info, pki::ParseCertificate(pem));
  std::string node = pki::NodeNameOf(info.common_name, info.organization);
  if (node.empty()) return absl::PermissionDeniedError("this is not a node's certificate");
  return NodeCertificate{std::move(node), info.public_key_hash, std::move(pem), info.not_after};
}

absl::StatusOr<UserCertificate> UserOf(const grpc::ServerContextBase& context) {
  MUSTER_ASSIGN_OR_RETURN(std::string pem, PeerPem(context));
  MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info, pki::ParseCertificate(pem));
  if (info.organization != pki::kUserOrganization) {
    return absl::PermissionDeniedError("this is not a person's certificate");
  }
  return UserCertificate{info.common_name, info.public_key_hash, std::move(pem), info.not_after};
}

}  // namespace muster::coordinator
