#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/base/mutex.h"
#include "common/pki/grpc_credentials.h"
#include "common/pki/pki.h"
#include "coordinator/enrol/certificate_authority.h"

namespace muster::coordinator {

// The coordinator's own certificate, and whose certificates it accepts, as they are for the next
// connection. The certificate is only in memory; it is made anew at each start, when two thirds of
// its life are over, and when the CA that it has to be from is another one. Thread-safe.
class ServingCertificate {
 public:
  struct Identity {
    pki::ServerIdentity server;
    WallTime not_before, not_after;
    std::string ca_hash;
  };

  // For a server that is reached under `names`. `ca` and `clock` outlive it. Errors as IssueServer.
  static absl::StatusOr<std::unique_ptr<ServingCertificate>> Create(const CertificateAuthority& ca,
                                                                    std::vector<std::string> names,
                                                                    const Clock& clock);

  // The same pointer as long as nothing changed. When no new one can be made the one there is goes
  // on, and the log says so once.
  std::shared_ptr<const Identity> Current() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  ServingCertificate(const CertificateAuthority& ca, std::vector<std::string> names,
                     const Clock& clock, std::shared_ptr<const Identity> first)
      : ca_(ca), names_(std::move(names)), clock_(clock), current_(std::move(first)) {}

  static absl::StatusOr<std::shared_ptr<const Identity>> Make(const CertificateAuthority& ca,
                                                              const std::vector<std::string>& names,
                                                              WallTime now);

  const CertificateAuthority& ca_;
  const std::vector<std::string> names_;
  const Clock& clock_;
  Mutex mutex_;
  std::shared_ptr<const Identity> current_ ABSL_GUARDED_BY(mutex_);
  bool complained_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace muster::coordinator
