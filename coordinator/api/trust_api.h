#pragma once

#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "coordinator/authz/identity.h"
#include "coordinator/enrol/certificate_authority.h"
#include "coordinator/enrol/enrolment.h"
#include "coordinator/enrol/user_store.h"
#include "coordinator/store/object_store.h"
#include "coordinator/store/sealed/seal_keeper.h"
#include "muster/admin/v1/admin.pb.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

// Why this node could not go on if only the CA with this hash were trusted; empty: it could, or is
// no longer one that may come back. `window` is how long after the end of its certificate it may.
// Pure.
std::string WhyNodeDepends(const v1::Node& node, const std::string& ca_hash, WallTime now,
                           std::chrono::seconds window);
// The same of a person. Pure.
std::string WhyUserDepends(const UserStore::User& user, const std::string& ca_hash, WallTime now);

// The fleet's certificates after they were made, as the admin API answers about them: whose count,
// and the CA that they are from; and the keys that the store's Secrets are sealed with.
// Thread-safe. May block on the disk.
class TrustApi {
 public:
  struct Options {
    std::chrono::seconds return_window{std::chrono::hours(24 * 30)};  // As Enrolment has it.
    // Called after the CAs have changed.
    std::function<void()> on_change;
    // When the coordinator's own certificate ends.
    std::function<WallTime()> server_not_after;
  };

  // All of them outlive it.
  TrustApi(CertificateAuthority& ca, Enrolment& enrolment, UserStore& users, ObjectStore& objects,
           SealKeeper& seals, const Clock& clock, Options options);

  absl::StatusOr<admin::v1::RevokeNodeResponse> RevokeNode(
      const admin::v1::RevokeNodeRequest& request);
  // FailedPrecondition for who did not come over the network. The certificate ends when the old one
  // does: how long somebody may come is for an admin to say.
  absl::StatusOr<admin::v1::RenewUserResponse> RenewUser(
      const Identity& caller, const admin::v1::RenewUserRequest& request);
  absl::StatusOr<admin::v1::GetCaStatusResponse> GetCaStatus(
      const admin::v1::GetCaStatusRequest& request);
  absl::StatusOr<admin::v1::RotateCaResponse> RotateCa(const admin::v1::RotateCaRequest& request);
  absl::StatusOr<admin::v1::GetSealStatusResponse> GetSealStatus(
      const admin::v1::GetSealStatusRequest& request);
  absl::StatusOr<admin::v1::RotateSealResponse> RotateSeal(
      const admin::v1::RotateSealRequest& request);

 private:
  absl::StatusOr<admin::v1::RotateSealResponse> AskNodes(
      const admin::v1::RotateSealRequest& request);
  absl::StatusOr<bool> Finish(bool force);
  absl::Status AddDependents(admin::v1::GetCaStatusResponse& status);

  CertificateAuthority& ca_;
  Enrolment& enrolment_;
  UserStore& users_;
  ObjectStore& objects_;
  SealKeeper& seals_;
  const Clock& clock_;
  const Options options_;
};

}  // namespace muster::coordinator
