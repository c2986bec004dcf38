#include "agent/enrol/node_identity.h"

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/text_file.h"

namespace muster::agent {
namespace {

constexpr size_t kFileBytesMax = 64 << 10;

absl::Status CheckBelongsTogether(NodeIdentity& identity) {
  MUSTER_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::FromPem(identity.key_pem));
  MUSTER_ASSIGN_OR_RETURN(const std::string key_hash, key.PublicKeyHash());
  MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info,
                          pki::ParseCertificate(identity.certificate_pem));
  // At the only time that is sure to be good: whether it is over is not asked here.
  MUSTER_RETURN_IF_ERROR(
      pki::VerifyIssuedBy(identity.certificate_pem, identity.ca_pem, info.not_before));
  if (info.public_key_hash != key_hash) {
    return absl::InvalidArgumentError("the certificate is for another key");
  }
  identity.node_name = pki::NodeNameOf(info.common_name, info.organization);
  if (identity.node_name.empty()) {
    return absl::InvalidArgumentError("the certificate is not that of a node");
  }
  return absl::OkStatus();
}

}  // namespace

std::string NodeKeyPath(const std::string& state_dir) { return state_dir + "/pki/node.key"; }
std::string NodeCertificatePath(const std::string& state_dir) {
  return state_dir + "/pki/node.crt";
}
std::string CaPath(const std::string& state_dir) { return state_dir + "/pki/ca.crt"; }

absl::StatusOr<WallTime> CheckNodeCertificate(const std::string& certificate_pem,
                                              const std::string& ca_pem, const pki::PrivateKey& key,
                                              const std::string& node_name, WallTime now) {
  MUSTER_RETURN_IF_ERROR(pki::VerifyIssuedBy(certificate_pem, ca_pem, now));
  MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info, pki::ParseCertificate(certificate_pem));
  MUSTER_ASSIGN_OR_RETURN(const std::string key_hash, key.PublicKeyHash());
  if (info.public_key_hash != key_hash ||
      pki::NodeNameOf(info.common_name, info.organization) != node_name) {
    return absl::InternalError("it is not the certificate that was asked for");
  }
  return info.not_after;
}

absl::StatusOr<NodeIdentity> LoadNodeIdentity(const std::string& state_dir) {
  NodeIdentity identity;
  const std::pair<std::string, std::string*> files[] = {
      {NodeKeyPath(state_dir), &identity.key_pem},
      {NodeCertificatePath(state_dir), &identity.certificate_pem},
      {CaPath(state_dir), &identity.ca_pem}};
  for (const auto& [path, target] : files) {
    absl::StatusOr<std::string> content = ReadFile(path, kFileBytesMax);
    if (absl::IsNotFound(content.status())) {
      return absl::NotFoundError(absl::StrCat(
          "this host has not joined (", path,
          " is missing): run \"muster-agent join\" with the line that \"musterctl token create\" "
          "prints"));
    }
    if (!content.ok()) return content.status();
    *target = *std::move(content);
  }
  if (absl::Status status = CheckBelongsTogether(identity); !status.ok()) {
    return absl::FailedPreconditionError(
        absl::StrCat("the files in ", state_dir, "/pki do not belong together (", status.message(),
                     "): run \"muster-agent join\" again"));
  }
  return identity;
}

}  // namespace muster::agent
