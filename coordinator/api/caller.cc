#include "coordinator/api/caller.h"

#include <utility>

#include "common/base/macros.h"
#include "common/pki/pki.h"
#include "coordinator/rpc/identity.h"

namespace muster::coordinator {

absl::StatusOr<Identity> RemoteCaller(const grpc::ServerContextBase& context,
                                      const UserStore& users, std::string_view trusted_pem,
                                      WallTime now) {
  MUSTER_ASSIGN_OR_RETURN(const UserCertificate certificate, UserOf(context));
  // The connection may be older than that.
  if (now >= certificate.not_after) {
    return absl::UnauthenticatedError("the time of this certificate is over");
  }
  if (!pki::IssuerAmong(certificate.pem, trusted_pem).ok()) {
    return absl::UnauthenticatedError("this certificate is of a CA that is no longer trusted");
  }
  MUSTER_ASSIGN_OR_RETURN(Identity caller, users.Find(certificate.name, certificate.key_hash, now));
  caller.groups = {pki::kUserOrganization};
  caller.until = certificate.not_after;
  return caller;
}

Identity LocalCaller(std::string name, Role role) {
  Identity caller;
  caller.name = std::move(name);
  caller.groups = {"muster:local"};
  caller.role = role;
  return caller;
}

}  // namespace muster::coordinator
