#include "ctl/client/expiry.h"

#include <algorithm>
#include <chrono>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/pki/pki.h"

namespace muster::ctl {
namespace {

constexpr std::chrono::hours kSoon{24 * 14};

std::string Date(WallTime when) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromChrono(when), absl::UTCTimeZone());
}

}  // namespace

Expiry CheckExpiry(const std::string& certificate_pem, const std::string& file, WallTime now) {
  const absl::StatusOr<pki::CertificateInfo> info = pki::ParseCertificate(certificate_pem);
  if (!info.ok()) return {};
  const std::string what =
      absl::StrCat("the certificate of user \"", info->common_name, "\" in ", file);
  const std::string remedy = absl::StrCat(
      "an administrator makes another one with \"musterctl user "
      "create ",
      info->common_name, " --role ROLE --replace\"");
  if (now > info->not_after) {
    return {absl::FailedPreconditionError(
                absl::StrCat(what, " ended on ", Date(info->not_after), "; ", remedy)),
            ""};
  }
  if (now < info->not_before) {
    return {absl::FailedPreconditionError(absl::StrCat(what, " begins on ", Date(info->not_before),
                                                       ": is this host's clock right?")),
            ""};
  }
  // One that was made for an hour need not be complained about from its beginning.
  const auto soon = std::min<WallTime::duration>(kSoon, (info->not_after - info->not_before) / 5);
  if (info->not_after - now >= soon) return {};
  return {absl::OkStatus(), absl::StrCat(what, " ends on ", Date(info->not_after), "; ", remedy)};
}

}  // namespace muster::ctl
