#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/pki/pki.h"

namespace muster::coordinator {

// How long what is signed is good. Servers' and nodes' certificates are renewed by themselves.
struct CertificateLifetimes {
  std::chrono::seconds ca{std::chrono::hours(24 * 3650)};
  std::chrono::seconds server{std::chrono::hours(24 * 30)};
  std::chrono::seconds client{std::chrono::hours(24 * 7)};
};

// The CA of a fleet: who it has signed is a node, a person who administers, or the coordinator.
//
// While it is replaced there are two, and both are trusted. The new one signs nodes and people from
// the first moment on; the coordinator's own certificate is from the old one until the end, for
// nodes that have not heard of the new one yet trust no other.
//
// A CA's key and certificate are one file, so that after a crash at any moment there is the whole
// CA or none; that a CA is being replaced is the file of the next one, and its end is one rename.
// Thread-safe; copies are the same authority.
class CertificateAuthority {
 public:
  // The one in `directory` ("ca.pem" and, while it is replaced, "ca-next.pem", mode 0600; and the
  // certificates alone in "ca.crt"), or a new one when there is none. Only for the process that
  // holds the store.
  //
  // DataLoss when it is damaged: a new one would lock out every node, so none is made.
  // FailedPrecondition when it has expired.
  static absl::StatusOr<CertificateAuthority> LoadOrCreate(
      const std::string& directory, WallTime now, const CertificateLifetimes& lifetimes = {});

  // Of the one that the coordinator's own certificate is from: its certificate, and "sha256:HEX",
  // what a joining node pins.
  std::string certificate_pem() const;
  std::string hash() const;
  // All that are trusted, the old one first.
  std::string trusted_pem() const;
  // Of the one that signs nodes and people.
  std::string issuer_hash() const;
  bool rotating() const;
  const CertificateLifetimes& lifetimes() const { return lifetimes_; }

  // Begins to replace it, and ends that. False: it was done already.
  absl::StatusOr<bool> BeginRotation(WallTime now);
  absl::StatusOr<bool> FinishRotation();

  // For a server that is reached under `names` (host names and addresses). The certificate is
  // followed by the CA's, so that a joining node finds that in the chain.
  absl::StatusOr<pki::KeyAndCertificate> IssueServer(const std::vector<std::string>& names,
                                                     WallTime now) const;
  // A client certificate for the key of the request, whatever else that asks for.
  absl::StatusOr<std::string> SignNode(std::string_view request_pem, std::string_view node_name,
                                       WallTime now) const;
  // Says only who it is; what a user may is not in the certificate (coordinator/enrol/user_store).
  absl::StatusOr<std::string> SignUser(std::string_view request_pem, std::string_view name,
                                       WallTime now, std::chrono::seconds lifetime) const;

 private:
  struct Authority {
    pki::KeyAndCertificate pair;
    std::string hash;
  };
  struct State;

  CertificateAuthority(std::string directory, std::shared_ptr<State> state,
                       const CertificateLifetimes& lifetimes);

  static absl::StatusOr<Authority> Load(const std::string& path, WallTime now);
  static absl::StatusOr<Authority> Create(const std::string& path, WallTime now,
                                          std::chrono::seconds lifetime);
  // A copy for people and tools.
  absl::Status WriteCopy() const;
  Authority serving() const;
  Authority issuing() const;

  const std::string directory_;
  const std::shared_ptr<State> state_;
  const CertificateLifetimes lifetimes_;
};

}  // namespace muster::coordinator
