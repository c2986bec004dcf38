#include "coordinator/enrol/serving_certificate.h"

#include <utility>

#include "common/base/macros.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {

absl::StatusOr<std::shared_ptr<const ServingCertificate::Identity>> ServingCertificate::Make(
    const CertificateAuthority& ca, const std::vector<std::string>& names, WallTime now) {
  auto identity = std::make_shared<Identity>();
  identity->server.ca_pem = ca.trusted_pem();
  MUSTER_ASSIGN_OR_RETURN(pki::KeyAndCertificate pair, ca.IssueServer(names, now));
  MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info,
                          pki::ParseCertificate(pair.certificate_pem));
  // By what signed it: the authority may have changed meanwhile, and the next look sees that.
  MUSTER_ASSIGN_OR_RETURN(identity->ca_hash,
                          pki::IssuerAmong(pair.certificate_pem, pair.certificate_pem));
  identity->server.certificate_pem = std::move(pair.certificate_pem);
  identity->server.key_pem = std::move(pair.key_pem);
  identity->not_before = info.not_before;
  identity->not_after = info.not_after;
  return identity;
}

absl::StatusOr<std::unique_ptr<ServingCertificate>> ServingCertificate::Create(
    const CertificateAuthority& ca, std::vector<std::string> names, const Clock& clock) {
  MUSTER_ASSIGN_OR_RETURN(std::shared_ptr<const Identity> first, Make(ca, names, clock.Wall()));
  return std::unique_ptr<ServingCertificate>(
      new ServingCertificate(ca, std::move(names), clock, std::move(first)));
}

std::shared_ptr<const ServingCertificate::Identity> ServingCertificate::Current() {
  const WallTime now = clock_.Wall();
  MutexLock lock(&mutex_);
  const bool due = now >= pki::RenewalTime(current_->not_before, current_->not_after, 0) ||
                   now < current_->not_before || current_->ca_hash != ca_.hash() ||
                   current_->server.ca_pem != ca_.trusted_pem();
  if (!due) return current_;
  absl::StatusOr<std::shared_ptr<const Identity>> next = Make(ca_, names_, now);
  if (next.ok()) {
    current_ = *std::move(next);
    complained_ = false;
  } else if (!std::exchange(complained_, true)) {
    spdlog::error("the coordinator's own certificate cannot be renewed: {}",
                  next.status().ToString());
  }
  return current_;
}

}  // namespace muster::coordinator
