#include "coordinator/enrol/certificate_authority.h"

#include <cerrno>
#include <cstdio>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/base/mutex.h"
#include "common/base/status.h"
#include "common/base/text_file.h"

namespace muster::coordinator {
namespace {

constexpr char kCommonName[] = "muster-ca";
constexpr char kCertificateBegin[] = "-----BEGIN CERTIFICATE-----";
constexpr char kFile[] = "/ca.pem";
constexpr char kNextFile[] = "/ca-next.pem";
constexpr char kCopyFile[] = "/ca.crt";
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

}  // namespace

struct CertificateAuthority::State {
  Mutex mutex;
  Authority current ABSL_GUARDED_BY(mutex);
  std::optional<Authority> next ABSL_GUARDED_BY(mutex);
};

CertificateAuthority::CertificateAuthority(std::string directory, std::shared_ptr<State> state,
                                           const CertificateLifetimes& lifetimes)
    : directory_(std::move(directory)), state_(std::move(state)), lifetimes_(lifetimes) {}

absl::StatusOr<CertificateAuthority::Authority> CertificateAuthority::Load(const std::string& path,
                                                                           WallTime now) {
  MUSTER_ASSIGN_OR_RETURN(const std::string content, ReadFile(path, kFileBytesMax));
  absl::StatusOr<pki::KeyAndCertificate> pair = ParseWhole(content);
  if (!pair.ok()) {
    return absl::DataLossError(
        absl::StrCat("the CA in ", path, " is damaged (", pair.status().message(),
                     "); put a backup in its place: a new one would lock out every node"));
  }
  MUSTER_RETURN_IF_ERROR(
      Annotate(pki::VerifyIssuedBy(pair->certificate_pem, pair->certificate_pem, now), path));
  MUSTER_ASSIGN_OR_RETURN(std::string hash, pki::PublicKeyHash(pair->certificate_pem));
  return Authority{*std::move(pair), std::move(hash)};
}

absl::StatusOr<CertificateAuthority::Authority> CertificateAuthority::Create(
    const std::string& path, WallTime now, std::chrono::seconds lifetime) {
  MUSTER_ASSIGN_OR_RETURN(pki::KeyAndCertificate pair, pki::MakeCa(kCommonName, now, lifetime));
  MUSTER_RETURN_IF_ERROR(
      WriteFileAtomically(path, absl::StrCat(pair.key_pem, pair.certificate_pem), 0600));
  MUSTER_ASSIGN_OR_RETURN(std::string hash, pki::PublicKeyHash(pair.certificate_pem));
  return Authority{std::move(pair), std::move(hash)};
}

absl::StatusOr<CertificateAuthority> CertificateAuthority::LoadOrCreate(
    const std::string& directory, WallTime now, const CertificateLifetimes& lifetimes) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(directory, 0700));
  const auto state = std::make_shared<State>();
  const std::string path = absl::StrCat(directory, kFile);
  absl::StatusOr<Authority> current = Load(path, now);
  if (absl::IsNotFound(current.status())) current = Create(path, now, lifetimes.ca);
  if (!current.ok()) return current.status();
  absl::StatusOr<Authority> next = Load(absl::StrCat(directory, kNextFile), now);
  if (!next.ok() && !absl::IsNotFound(next.status())) return next.status();
  {
    MutexLock lock(&state->mutex);
    state->current = *std::move(current);
    if (next.ok()) state->next = *std::move(next);
  }
  CertificateAuthority authority(directory, state, lifetimes);
  MUSTER_RETURN_IF_ERROR(authority.WriteCopy());
  return authority;
}

absl::Status CertificateAuthority::WriteCopy() const {
  const std::string path = absl::StrCat(directory_, kCopyFile);
  const std::string bundle = trusted_pem();
  if (ReadFile(path, kFileBytesMax).value_or("") == bundle) return absl::OkStatus();
  return WriteFileAtomically(path, bundle, 0644);
}

CertificateAuthority::Authority CertificateAuthority::serving() const {
  MutexLock lock(&state_->mutex);
  return state_->current;
}

CertificateAuthority::Authority CertificateAuthority::issuing() const {
  MutexLock lock(&state_->mutex);
  return state_->next ? *state_->next : state_->current;
}

std::string CertificateAuthority::certificate_pem() const { return serving().pair.certificate_pem; }
std::string CertificateAuthority::hash() const { return serving().hash; }
std::string CertificateAuthority::issuer_hash() const { return issuing().hash; }

std::string CertificateAuthority::trusted_pem() const {
  MutexLock lock(&state_->mutex);
  return state_->current.pair.certificate_pem +
         (state_->next ? state_->next->pair.certificate_pem : "");
}

bool CertificateAuthority::rotating() const {
  MutexLock lock(&state_->mutex);
  return state_->next.has_value();
}

absl::StatusOr<bool> CertificateAuthority::BeginRotation(WallTime now) {
  {
    MutexLock lock(&state_->mutex);
    if (state_->next) return false;
    MUSTER_ASSIGN_OR_RETURN(state_->next,
                            Create(absl::StrCat(directory_, kNextFile), now, lifetimes_.ca));
  }
  MUSTER_RETURN_IF_ERROR(WriteCopy());
  return true;
}

absl::StatusOr<bool> CertificateAuthority::FinishRotation() {
  {
    MutexLock lock(&state_->mutex);
    if (!state_->next) return false;
    // The copy that is written next has the folder synced.
    if (std::rename(absl::StrCat(directory_, kNextFile).c_str(),
                    absl::StrCat(directory_, kFile).c_str()) != 0) {
      return absl::ErrnoToStatus(errno, "putting the new CA in the place of the old one");
    }
    state_->current = *std::exchange(state_->next, std::nullopt);
  }
  MUSTER_RETURN_IF_ERROR(WriteCopy());
  return true;
}

absl::StatusOr<pki::KeyAndCertificate> CertificateAuthority::IssueServer(
    const std::vector<std::string>& names, WallTime now) const {
  const Authority authority = serving();
  MUSTER_ASSIGN_OR_RETURN(
      pki::KeyAndCertificate server,
      pki::MakeServerCertificate(authority.pair, names, now, lifetimes_.server));
  server.certificate_pem += authority.pair.certificate_pem;
  return server;
}

absl::StatusOr<std::string> CertificateAuthority::SignNode(std::string_view request_pem,
                                                           std::string_view node_name,
                                                           WallTime now) const {
  return pki::SignClientRequest(issuing().pair, request_pem, pki::NodeCommonName(node_name),
                                pki::kNodeOrganization, now, lifetimes_.client);
}

absl::StatusOr<std::string> CertificateAuthority::SignUser(std::string_view request_pem,
                                                           std::string_view name, WallTime now,
                                                           std::chrono::seconds lifetime) const {
  return pki::SignClientRequest(issuing().pair, request_pem, name, pki::kUserOrganization, now,
                                lifetime);
}

}  // namespace muster::coordinator
