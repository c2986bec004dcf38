#include "coordinator/enrol/renewal_rule.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/model/node_key.h"
#include "common/model/time_text.h"

namespace muster::coordinator {
namespace {

std::string AnnotationOf(const v1::Node& node, const char* key) {
  const auto& annotations = node.metadata().annotations();
  const auto found = annotations.find(key);
  return found == annotations.end() ? "" : found->second;
}

}  // namespace

absl::Status NotThisNodesKey(const std::string& node_name) {
  return absl::UnauthenticatedError(absl::StrCat(
      "this host's key is not that of node \"", node_name,
      "\" (any more): the node was removed, revoked or given to another host. Join anew with "
      "\"muster-agent join\" and a token of this fleet"));
}

absl::Status CheckRenewal(const v1::Node& node, const std::string& key_hash, WallTime now,
                          std::chrono::seconds window) {
  const std::string& name = node.metadata().name();
  const std::string known = AnnotationOf(node, model::kNodeKeyHashAnnotation);
  if (known.empty() || known != key_hash) return NotThisNodesKey(name);
  const std::string text = AnnotationOf(node, model::kCertificateExpiresAnnotation);
  if (text.empty()) return absl::OkStatus();
  const absl::StatusOr<v1::Time> expires = model::ParseTime(text);
  if (!expires.ok()) {
    return absl::DataLossError(absl::StrCat("node \"", name, "\": its annotation ",
                                            model::kCertificateExpiresAnnotation, " is no time"));
  }
  const absl::Time ended = model::ToAbslTime(*expires);
  if (absl::FromChrono(now) <= ended + absl::FromChrono(window)) return absl::OkStatus();
  return absl::PermissionDeniedError(
      absl::StrCat("the certificate of node \"", name, "\" ended on ",
                   absl::FormatTime("%Y-%m-%d %H:%M UTC", ended, absl::UTCTimeZone()),
                   ", more than ", absl::FormatDuration(absl::FromChrono(window)),
                   " ago, which is what the coordinator's nodeReturnWindow allows. Join anew with "
                   "\"muster-agent "
                   "join\" and a token of this fleet"));
}

}  // namespace muster::coordinator
