#include "coordinator/api/caller.h"

#include <utility>

#include "common/base/macros.h"
#include "common/pki/pki.h"
#include "coordinator/rpc/identity.h"

namespace muster::coordinator {

absl::StatusOr<Identity> RemoteCaller(const grpc::ServerContextBase& context,
                                      const UserStore& users, WallTime now) {
  MUSTER_ASSIGN_OR_RETURN(const UserCertificate certificate, UserOf(context));
  MUSTER_ASSIGN_OR_RETURN(Identity caller, users.Find(certificate.name, certificate.key_hash, now));
  caller.groups = {pki::kUserOrganization};
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
