#include "coordinator/api/trust_api.h"

#include <algorithm>
#include <chrono>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/model/node_key.h"
#include "common/model/time_text.h"
#include "common/pki/pki.h"
#include "coordinator/api/retry.h"
#include "spdlog/spdlog.h"

namespace muster::coordinator {
namespace {

using std::chrono::seconds;

constexpr int kNamesMax = 10;  // In a message.

int64_t ToSeconds(WallTime when) {
  return std::chrono::floor<seconds>(when.time_since_epoch()).count();
}

std::string AnnotationOf(const v1::Node& node, const char* key) {
  const auto& annotations = node.metadata().annotations();
  const auto found = annotations.find(key);
  return found == annotations.end() ? "" : found->second;
}

std::string NamesOf(const admin::v1::GetCaStatusResponse& status) {
  std::vector<std::string> names;
  for (const auto& dependent : status.dependents()) {
    if (names.size() == kNamesMax) {
      names.push_back(absl::StrCat("and ", status.dependents_size() - kNamesMax, " more"));
      break;
    }
    names.push_back(absl::StrCat(dependent.kind(), " ", dependent.name()));
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

std::string WhyNodeDepends(const v1::Node& node, const std::string& ca_hash, WallTime now,
                           seconds window) {
  if (AnnotationOf(node, model::kNodeKeyHashAnnotation) == model::kRevokedKey) return "";
  const std::string noted = AnnotationOf(node, model::kCertificateAuthorityAnnotation);
  if (noted == ca_hash) return "";
  const std::string expires = AnnotationOf(node, model::kCertificateExpiresAnnotation);
  const absl::StatusOr<v1::Time> ended = model::ParseTime(expires);
  if (ended.ok() && model::ToAbslTime(*ended) + absl::FromChrono(window) < absl::FromChrono(now)) {
    return "";  // It has to join anew in any case.
  }
  if (noted.empty()) return "it has not connected yet, so its certificate is not known";
  return "it has not connected with a certificate of the new CA yet";
}

std::string WhyUserDepends(const UserStore::User& user, const std::string& ca_hash, WallTime now) {
  if (user.ca_hash == ca_hash || now > user.expires_at) return "";
  return "its certificate is of the old CA: \"musterctl user renew\" with its file";
}

TrustApi::TrustApi(CertificateAuthority& ca, Enrolment& enrolment, UserStore& users,
                   ObjectStore& objects, SealKeeper& seals, const Clock& clock, Options options)
    : ca_(ca),
      enrolment_(enrolment),
      users_(users),
      objects_(objects),
      seals_(seals),
      clock_(clock),
      options_(std::move(options)) {}

absl::StatusOr<admin::v1::RevokeNodeResponse> TrustApi::RevokeNode(
    const admin::v1::RevokeNodeRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(const bool changed, enrolment_.Revoke(request.name()));
  if (changed) spdlog::warn("node {}: its key was revoked", request.name());
  admin::v1::RevokeNodeResponse response;
  response.set_changed(changed);
  return response;
}

absl::StatusOr<admin::v1::RenewUserResponse> TrustApi::RenewUser(
    const Identity& caller, const admin::v1::RenewUserRequest& request) {
  if (std::find(caller.groups.begin(), caller.groups.end(), pki::kUserOrganization) ==
      caller.groups.end()) {
    return absl::FailedPreconditionError(
        "only who comes over the network has a certificate to renew");
  }
  const auto key_hash = pki::RequestPublicKeyHash(request.csr_pem());
  MUSTER_RETURN_IF_ERROR(Annotate(key_hash.status(), "certificate request"));
  MUSTER_ASSIGN_OR_RETURN(const UserStore::User user, users_.Get(caller.name));
  const WallTime now = clock_.Wall();
  MUSTER_ASSIGN_OR_RETURN(std::string certificate,
                          ca_.SignUser(request.csr_pem(), caller.name, now,
                                       std::chrono::duration_cast<seconds>(user.expires_at - now)));
  const std::string trusted = ca_.trusted_pem();
  MUSTER_ASSIGN_OR_RETURN(const std::string issuer, pki::IssuerAmong(certificate, trusted));
  MUSTER_RETURN_IF_ERROR(users_.SetAuthority(caller.name, *key_hash, issuer));
  admin::v1::RenewUserResponse response;
  response.set_certificate_pem(std::move(certificate));
  response.set_ca_pem(trusted);
  response.set_expires_at_unix_seconds(ToSeconds(user.expires_at));
  return response;
}

absl::Status TrustApi::AddDependents(admin::v1::GetCaStatusResponse& status) {
  const std::string issuer = ca_.issuer_hash();
  const WallTime now = clock_.Wall();
  const auto add = [&status](const char* kind, const std::string& name, std::string why) {
    if (why.empty()) return;
    admin::v1::GetCaStatusResponse::Dependent& dependent = *status.add_dependents();
    dependent.set_kind(kind);
    dependent.set_name(name);
    dependent.set_why(std::move(why));
  };
  int64_t nodes = 0;
  MUSTER_RETURN_IF_ERROR(objects_
                             .Scan({model::Kind::kNode},
                                   [&](const v1::Object& object) {
                                     ++nodes;
                                     if (!status.rotating()) return;
                                     const v1::Node& node = object.node();
                                     add("Node", node.metadata().name(),
                                         WhyNodeDepends(node, issuer, now, options_.return_window));
                                   })
                             .status());
  status.set_nodes(nodes);
  if (!status.rotating()) return absl::OkStatus();
  MUSTER_ASSIGN_OR_RETURN(const std::vector<UserStore::User> users, users_.List());
  for (const UserStore::User& user : users) {
    add("User", user.identity.name, WhyUserDepends(user, issuer, now));
  }
  return absl::OkStatus();
}

absl::StatusOr<admin::v1::GetCaStatusResponse> TrustApi::GetCaStatus(
    const admin::v1::GetCaStatusRequest&) {
  admin::v1::GetCaStatusResponse status;
  status.set_rotating(ca_.rotating());
  const std::string issues = ca_.issuer_hash(), serves = ca_.hash();
  MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> bundle,
                          pki::SplitBundle(ca_.trusted_pem()));
  for (const std::string& pem : bundle) {
    MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info, pki::ParseCertificate(pem));
    admin::v1::GetCaStatusResponse::Authority& authority = *status.add_authorities();
    authority.set_hash(info.public_key_hash);
    authority.set_not_before_unix_seconds(ToSeconds(info.not_before));
    authority.set_not_after_unix_seconds(ToSeconds(info.not_after));
    authority.set_issues(info.public_key_hash == issues);
    authority.set_serves(info.public_key_hash == serves);
  }
  status.set_server_not_after_unix_seconds(ToSeconds(options_.server_not_after()));
  MUSTER_RETURN_IF_ERROR(AddDependents(status));
  return status;
}

absl::StatusOr<bool> TrustApi::Finish(bool force) {
  MUSTER_ASSIGN_OR_RETURN(const admin::v1::GetCaStatusResponse status, GetCaStatus({}));
  if (!force && !status.dependents().empty()) {
    return absl::FailedPreconditionError(
        absl::StrCat(status.dependents_size() == 1
                         ? "one still depends on the old CA: "
                         : absl::StrCat(status.dependents_size(), " still depend on the old CA: "),
                     NamesOf(status),
                     ". \"musterctl ca status\" says why; with --force they have to join anew"));
  }
  return ca_.FinishRotation();
}

absl::StatusOr<admin::v1::RotateCaResponse> TrustApi::RotateCa(
    const admin::v1::RotateCaRequest& request) {
  MUSTER_ASSIGN_OR_RETURN(const bool changed, request.finish() ? Finish(request.force())
                                                               : ca_.BeginRotation(clock_.Wall()));
  if (changed) {
    spdlog::info("CA {} {}", ca_.issuer_hash(),
                 request.finish() ? "is the only one that is trusted from now on"
                                  : "signs from now on; the old one is trusted beside it");
    if (options_.on_change) options_.on_change();
  }
  admin::v1::RotateCaResponse response;
  response.set_changed(changed);
  MUSTER_ASSIGN_OR_RETURN(*response.mutable_status(), GetCaStatus({}));
  return response;
}

absl::StatusOr<admin::v1::GetSealStatusResponse> TrustApi::GetSealStatus(
    const admin::v1::GetSealStatusRequest&) {
  MUSTER_ASSIGN_OR_RETURN(SealKeeper::Status status, seals_.Look());
  const std::string current = seals_.ring().current_id();
  status.records[current];  // Also when nothing is sealed yet.
  admin::v1::GetSealStatusResponse response;
  for (const auto& [id, records] : status.records) {
    admin::v1::GetSealStatusResponse::Key& key = *response.add_keys();
    key.set_id(id);
    key.set_current(id == current);
    key.set_records(records);
  }
  response.set_plain(status.plain);
  response.set_key_from(seals_.source().path);
  MUSTER_RETURN_IF_ERROR(
      objects_
          .Scan({model::Kind::kNode},
                [&](const v1::Object& object) {
                  const v1::Node& node = object.node();
                  admin::v1::GetSealStatusResponse::Node& out = *response.add_nodes();
                  out.set_name(node.metadata().name());
                  out.set_key_id(AnnotationOf(node, model::kSealingKeyAnnotation));
                  out.set_replacing(
                      !AnnotationOf(node, model::kReplaceSealingKeyAnnotation).empty());
                  out.set_problem(AnnotationOf(node, model::kSealingKeyProblemAnnotation));
                })
          .status());
  return response;
}

// What is asked for stands in the Node, so that a node that is off does it when it comes back, and
// one that has done it is not asked again.
absl::StatusOr<admin::v1::RotateSealResponse> TrustApi::AskNodes(
    const admin::v1::RotateSealRequest& request) {
  std::set<std::string> names(request.nodes().begin(), request.nodes().end());
  std::vector<v1::Object> nodes;
  MUSTER_RETURN_IF_ERROR(objects_
                             .Scan({model::Kind::kNode},
                                   [&](const v1::Object& object) {
                                     const bool is_named =
                                         names.erase(object.node().metadata().name()) > 0;
                                     if (is_named || request.all_nodes()) nodes.push_back(object);
                                   })
                             .status());
  if (!names.empty()) return ObjectNotFound(model::Kind::kNode, *names.begin());
  admin::v1::RotateSealResponse response;
  ObjectTransaction transaction;
  for (v1::Object& object : nodes) {
    const std::string name = object.node().metadata().name();
    const std::string key = AnnotationOf(object.node(), model::kSealingKeyAnnotation);
    if (key.empty()) {
      response.add_nodes_passed_over(name);
      continue;
    }
    response.add_nodes_asked(name);
    auto& annotations = *object.mutable_node()->mutable_metadata()->mutable_annotations();
    // Who asks again while it has not been done asks for the same.
    if (annotations[model::kReplaceSealingKeyAnnotation] == key) continue;
    annotations[model::kReplaceSealingKeyAnnotation] = key;
    transaction.Update(std::move(object));
  }
  if (!transaction.empty()) {
    MUSTER_RETURN_IF_ERROR(objects_.Commit(std::move(transaction)).status());
  }
  return response;
}

absl::StatusOr<admin::v1::RotateSealResponse> TrustApi::RotateSeal(
    const admin::v1::RotateSealRequest& request) {
  if (request.all_nodes() || !request.nodes().empty()) {
    return WithRetries([&] { return AskNodes(request); });
  }
  MUSTER_ASSIGN_OR_RETURN(const SealKeeper::Rotated rotated, seals_.Rotate());
  admin::v1::RotateSealResponse response;
  response.set_key_id(rotated.key_id);
  response.set_resealed(rotated.resealed);
  return response;
}

}  // namespace muster::coordinator
