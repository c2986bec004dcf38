#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/authz/identity.h"
#include "coordinator/store/store.h"

namespace muster::coordinator {

// The people who may administer over the network: a name, its powers, and the key that proves it.
//
// A certificate says who somebody is; what that person may do is only here, and is read at every
// call. So a user that is deleted, or made anew with another key, is refused from the next call on,
// whatever its certificate says. They are in the store, under kInternalPrefix. Holds no state of
// its own; thread-safe.
class UserStore {
 public:
  struct User {
    Identity identity;     // With the name; groups are not kept.
    std::string key_hash;  // sha256:HEX of the public key.
    WallTime created_at;
    WallTime expires_at;  // Of the certificate.
    std::string ca_hash;  // Of the CA that signed it. Empty: made before that was noted.
  };

  // `store` has to outlive it.
  explicit UserStore(Store& store) : store_(store) {}

  // AlreadyExists when the name is taken and is not to be replaced.
  absl::Status Put(const User& user, bool replace);
  // NotFound.
  absl::Status Delete(const std::string& name);
  absl::StatusOr<std::vector<User>> List() const;  // By name.
  // Notes that the certificate of a user is from another CA now. Unauthenticated when there is no
  // such user, or it has another key.
  absl::Status SetAuthority(const std::string& name, std::string_view key_hash,
                            const std::string& ca_hash);
  // NotFound.
  absl::StatusOr<User> Get(const std::string& name) const;
  // Who has shown a valid certificate with this name and key. Unauthenticated when there is no such
  // user (any more), or it has another key by now. TLS looks at the times of a certificate once, at
  // the beginning of a connection; here they are looked at in every call.
  absl::StatusOr<Identity> Find(const std::string& name, std::string_view key_hash,
                                WallTime now) const;

 private:
  Store& store_;
};

// InvalidArgument unless a certificate can carry the name and nobody mistakes it for something
// else: up to 64 letters, digits and "-_.@", beginning with a letter or a digit; not "root". Pure.
absl::Status CheckUserName(std::string_view name);

}  // namespace muster::coordinator
