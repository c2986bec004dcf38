#include "coordinator/enrol/certificate_authority.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"

namespace muster::coordinator {
namespace {

constexpr char kCommonName[] = "muster-ca";
constexpr char kCertificateBegin[] = "-----BEGIN CERTIFICATE-----";
constexpr size_t kFileBytesMax = 64 << 10;

// The key comes first, the certificate follows.
absl::StatusOr<pki::KeyAndCertificate> Split(const std::string& content) {
  const size_t certificate = content.find(kCertificateBegin);
  if (certificate == std::string::npos) {
    return absl::InvalidArgumentError("there is no certificate in it");
  }
  return pki::KeyAndCertificate{content.substr(0, certificate), content.substr(certificate)};
}

absl::StatusOr<pki::KeyAndCertificate> ParseWhole(const std::string& content) {
  MUSTER_ASSIGN_OR_RETURN(pki::KeyAndCertificate ca, Split(content));
  MUSTER_ASSIGN_OR_RETURN(const pki::PrivateKey key, pki::PrivateKey::FromPem(ca.key_pem));
  MUSTER_ASSIGN_OR_RETURN(const std::string key_hash, key.PublicKeyHash());
  MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info,
                          pki::ParseCertificate(ca.certificate_pem));
  if (!info.is_ca || info.public_key_hash != key_hash) {
    return absl::InvalidArgumentError("its key and certificate do not belong together");
  }
  return ca;
}

absl::StatusOr<pki::KeyAndCertificate> Load(const std::string& path) {
  MUSTER_ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kFileBytesMax));
  absl::StatusOr<pki::KeyAndCertificate> ca = ParseWhole(content);
  if (ca.ok()) return ca;
  return absl::DataLossError(
      absl::StrCat("the CA in ", path, " is damaged (", ca.status().message(),
                   "); put a backup in its place: a new one would lock out every node"));
}

absl::StatusOr<pki::KeyAndCertificate> Create(const std::string& path, WallTime now,
                                              std::chrono::hours lifetime) {
  MUSTER_ASSIGN_OR_RETURN(pki::KeyAndCertificate ca, pki::MakeCa(kCommonName, now, lifetime));
  MUSTER_RETURN_IF_ERROR(
      WriteFileAtomically(path, absl::StrCat(ca.key_pem, ca.certificate_pem), 0600));
  return ca;
}

}  // namespace

absl::StatusOr<CertificateAuthority> CertificateAuthority::LoadOrCreate(
    const std::string& directory, WallTime now, const CertificateLifetimes& lifetimes) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  const std::string path = absl::StrCat(directory, "/ca.pem");
  absl::StatusOr<pki::KeyAndCertificate> ca = Load(path);
  if (absl::IsNotFound(ca.status())) ca = Create(path, now, lifetimes.ca);
  if (!ca.ok()) return ca.status();
  MUSTER_RETURN_IF_ERROR(
      Annotate(pki::VerifyIssuedBy(ca->certificate_pem, ca->certificate_pem, now), path));
  // A copy for people and tools; the file above is the truth.
  const std::string copy_path = absl::StrCat(directory, "/ca.crt");
  if (ReadFile(copy_path, kFileBytesMax).value_or("") != ca->certificate_pem) {
    MUSTER_RETURN_IF_ERROR(WriteFileAtomically(copy_path, ca->certificate_pem, 0644));
  }
  MUSTER_ASSIGN_OR_RETURN(std::string hash, pki::PublicKeyHash(ca->certificate_pem));
  return CertificateAuthority(*std::move(ca), std::move(hash), lifetimes);
}

absl::StatusOr<pki::KeyAndCertificate> CertificateAuthority::IssueServer(
    const std::vector<std::string>& names, WallTime now) const {
  MUSTER_ASSIGN_OR_RETURN(pki::KeyAndCertificate server,
                          pki::MakeServerCertificate(ca_, names, now, lifetimes_.server));
  server.certificate_pem += ca_.certificate_pem;
  return server;
}

absl::StatusOr<std::string> CertificateAuthority::SignNode(std::string_view request_pem,
                                                           std::string_view node_name,
                                                           WallTime now) const {
  return pki::SignClientRequest(ca_, request_pem, pki::NodeCommonName(node_name),
                                pki::kNodeOrganization, now, lifetimes_.client);
}

absl::StatusOr<std::string> CertificateAuthority::SignUser(std::string_view request_pem,
                                                           std::string_view name, WallTime now,
                                                           std::chrono::hours lifetime) const {
  return pki::SignClientRequest(ca_, request_pem, name, pki::kUserOrganization, now, lifetime);
}

}  // namespace muster::coordinator
