#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/pki/pki.h"

namespace muster::coordinator {

// Certificates are not renewed yet, so these are long. The server's is made anew at each start.
struct CertificateLifetimes {
  std::chrono::hours ca{24 * 3650};
  std::chrono::hours server{24 * 3650};
  std::chrono::hours client{24 * 365};
};

// The CA of a fleet: who it has signed is a node, a person who administers, or the coordinator.
//
// Its key and certificate are one file, so that after a crash at any moment there is the whole CA
// or none. A value; constant, so thread-safe.
class CertificateAuthority {
 public:
  // The one in `directory` ("ca.pem", mode 0600, and the certificate alone in "ca.crt"), or a new
  // one when there is none. Only for the process that holds the store.
  //
  // DataLoss when it is damaged: a new one would lock out every node, so none is made.
  // FailedPrecondition when it has expired.
  static absl::StatusOr<CertificateAuthority> LoadOrCreate(
      const std::string& directory, WallTime now, const CertificateLifetimes& lifetimes = {});

  const std::string& certificate_pem() const { return ca_.certificate_pem; }
  // "sha256:HEX", what a joining node pins.
  const std::string& hash() const { return hash_; }

  // For a server that is reached under `names` (host names and addresses). The certificate is
  // followed by the CA's, so that a joining node finds that in the chain.
  absl::StatusOr<pki::KeyAndCertificate> IssueServer(const std::vector<std::string>& names,
                                                     WallTime now) const;
  // A client certificate for the key of the request, whatever else that asks for.
  absl::StatusOr<std::string> SignNode(std::string_view request_pem, std::string_view node_name,
                                       WallTime now) const;
  // Says only who it is; what a user may is not in the certificate (coordinator/enrol/user_store).
  absl::StatusOr<std::string> SignUser(std::string_view request_pem, std::string_view name,
                                       WallTime now, std::chrono::hours lifetime) const;

 private:
  CertificateAuthority(pki::KeyAndCertificate ca, std::string hash,
                       const CertificateLifetimes& lifetimes)
      : ca_(std::move(ca)), hash_(std::move(hash)), lifetimes_(lifetimes) {}

  pki::KeyAndCertificate ca_;
  std::string hash_;
  CertificateLifetimes lifetimes_;
};

}  // namespace muster::coordinator
