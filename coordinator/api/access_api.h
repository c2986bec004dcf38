#pragma once

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/authz/identity.h"
#include "coordinator/enrol/certificate_authority.h"
#include "coordinator/enrol/token_store.h"
#include "coordinator/enrol/user_store.h"
#include "muster/admin/v1/admin.pb.h"

namespace muster::coordinator {

// What gives others access, as the admin API answers it: tokens by which nodes join, and
// certificates by which people administer. Thread-safe. May block on the disk.
class AccessApi {
 public:
  struct Options {
    std::function<std::string()> address;  // HOST:PORT under which others find this coordinator.
    // What to run on a host so that it joins with a token.
    std::function<std::string(const std::string& token)> join_command;
    bool remote_admin = false;  // People may come over the network.
  };

  // All of them outlive it.
  AccessApi(TokenStore& tokens, UserStore& users, const CertificateAuthority& ca,
            const Clock& clock, Options options);

  absl::StatusOr<admin::v1::CreateTokenResponse> CreateToken(
      const admin::v1::CreateTokenRequest& request);
  absl::StatusOr<admin::v1::ListTokensResponse> ListTokens(
      const admin::v1::ListTokensRequest& request);
  absl::StatusOr<admin::v1::DeleteTokenResponse> DeleteToken(
      const admin::v1::DeleteTokenRequest& request);

  // InvalidArgument for a name, a role, a right, a namespace or a request that is none.
  absl::StatusOr<admin::v1::CreateUserResponse> CreateUser(
      const admin::v1::CreateUserRequest& request);
  absl::StatusOr<admin::v1::ListUsersResponse> ListUsers(
      const admin::v1::ListUsersRequest& request);
  absl::StatusOr<admin::v1::DeleteUserResponse> DeleteUser(
      const admin::v1::DeleteUserRequest& request);

 private:
  TokenStore& tokens_;
  UserStore& users_;
  const CertificateAuthority& ca_;
  const Clock& clock_;
  const Options options_;
};

// What a caller is told about itself. Pure.
absl::StatusOr<admin::v1::WhoAmIResponse> WhoAmI(const Identity& caller,
                                                 const admin::v1::WhoAmIRequest& request);
absl::StatusOr<admin::v1::CanIResponse> CanI(const Identity& caller,
                                             const admin::v1::CanIRequest& request);

}  // namespace muster::coordinator
