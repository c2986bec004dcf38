#include "agent/enrol/certificate_keeper.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;

// Wall clocks are set, and hosts sleep.
constexpr MonoTime::duration kLookMax = 1h;

const char* Why(RenewalCause cause) {
  switch (cause) {
    case RenewalCause::kAge:
      return "most of its time is over";
    case RenewalCause::kExpired:
      return "it has expired";
    case RenewalCause::kNewCa:
      return "another CA signs now";
  }
  return "";
}

}  // namespace

absl::StatusOr<std::unique_ptr<CertificateKeeper>> CertificateKeeper::Create(Options options,
                                                                             const Clock& clock,
                                                                             Ask ask, Post post) {
  MUSTER_ASSIGN_OR_RETURN(NodeIdentity identity, LoadNodeIdentity(options.state_dir));
  MUSTER_ASSIGN_OR_RETURN(pki::PrivateKey key, pki::PrivateKey::FromPem(identity.key_pem));
  auto keeper = std::unique_ptr<CertificateKeeper>(
      new CertificateKeeper(std::move(options), clock, std::move(ask), std::move(post),
                            std::move(identity), std::move(key)));
  MUSTER_RETURN_IF_ERROR(keeper->Read());
  return keeper;
}

CertificateKeeper::~CertificateKeeper() { *alive_ = false; }

// What follows from the files.
absl::Status CertificateKeeper::Read() {
  MUSTER_ASSIGN_OR_RETURN(const pki::CertificateInfo info,
                          pki::ParseCertificate(identity_.certificate_pem));
  MUSTER_ASSIGN_OR_RETURN(trusted_, pki::HashesOf(identity_.ca_pem));
  MUSTER_ASSIGN_OR_RETURN(std::string issuer,
                          pki::IssuerAmong(identity_.certificate_pem, identity_.ca_pem));
  held_ = {info.not_before, info.not_after, std::move(issuer), Draw()};
  return absl::OkStatus();
}

void CertificateKeeper::TakeTrust(const LinkTrust& trust) {
  if (wanted_.hash != trust.issuer_hash) wanted_ = {trust.issuer_hash, clock_.Wall()};
  if (absl::Status saved = SaveTrust(trust.ca_pem); !saved.ok()) {
    // Said again in every session.
    spdlog::error("cannot take over the CAs that the coordinator trusts: {}", saved.ToString());
  }
}

absl::Status CertificateKeeper::SaveTrust(const std::string& ca_pem) {
  MUSTER_ASSIGN_OR_RETURN(std::vector<std::string> hashes, pki::HashesOf(ca_pem));
  std::string content = ca_pem;
  if (std::find(hashes.begin(), hashes.end(), held_.issuer) == hashes.end()) {
    MUSTER_ASSIGN_OR_RETURN(const std::vector<std::string> present,
                            pki::SplitBundle(identity_.ca_pem));
    for (const std::string& pem : present) {
      if (pki::PublicKeyHash(pem).value_or("") != held_.issuer) continue;
      content += pem;
      hashes.push_back(held_.issuer);
    }
  }
  if (hashes == trusted_) return absl::OkStatus();
  MUSTER_RETURN_IF_ERROR(WriteFileAtomically(CaPath(options_.state_dir), content, 0644));
  spdlog::info("trusting {} from now on",
               hashes.size() == 1 ? "one CA" : absl::StrCat(hashes.size(), " CAs"));
  identity_.ca_pem = std::move(content);
  trusted_ = std::move(hashes);
  return absl::OkStatus();
}

std::optional<MonoTime> CertificateKeeper::Step() {
  if (asking_) return std::nullopt;
  const MonoTime now = clock_.Mono();
  const WallTime wall = clock_.Wall();
  const RenewalPlan plan = PlanRenewal(held_, wanted_, wall);
  const MonoTime due =
      plan.at <= wall
          ? now
          : now +
                std::min(std::chrono::duration_cast<MonoTime::duration>(plan.at - wall), kLookMax);
  const MonoTime at = std::max(due, not_before_);
  if (at > now) return at;
  if (plan.at > wall) return now + kLookMax;
  Begin(plan.cause);
  return asking_ ? std::nullopt : std::optional(not_before_);
}

void CertificateKeeper::Begin(RenewalCause cause) {
  RenewCall call;
  call.node_name = identity_.node_name;
  call.ca_pem = identity_.ca_pem;
  absl::StatusOr<std::string> csr =
      pki::MakeRequest(key_, pki::NodeCommonName(identity_.node_name));
  if (!csr.ok()) return End(csr.status());
  call.csr_pem = *std::move(csr);
  asking_ = true;
  if (failures_ == 0) spdlog::info("asking for a new certificate: {}", Why(cause));
  ask_(std::move(call), [this, alive = alive_, post = post_](auto answer) {
    post([this, alive, answer = std::move(answer)] {
      if (*alive) End(answer);
    });
  });
}

void CertificateKeeper::End(const absl::StatusOr<RenewedCertificate>& answer) {
  asking_ = false;
  const absl::Status status = answer.ok() ? Take(*answer) : answer.status();
  if (status.ok()) {
    failures_ = 0;
    last_problem_.clear();
    renewed_ = true;
    spdlog::info("the node's certificate is good until {}",
                 absl::FormatTime("%Y-%m-%d %H:%M:%S UTC", absl::FromChrono(held_.not_after),
                                  absl::UTCTimeZone()));
    return;
  }
  ++failures_;
  const Duration pause =
      RenewalPause(failures_, status, held_.not_after - held_.not_before, Draw());
  not_before_ = clock_.Mono() + std::chrono::duration_cast<MonoTime::duration>(pause);
  const std::string problem(status.message());
  if (problem != last_problem_) {
    spdlog::log(clock_.Wall() > held_.not_after ? spdlog::level::err : spdlog::level::warn,
                "no new certificate for this node, trying again: {}", problem);
  }
  last_problem_ = problem;
}

absl::Status CertificateKeeper::Take(const RenewedCertificate& answer) {
  MUSTER_RETURN_IF_ERROR(Annotate(CheckNodeCertificate(answer.certificate_pem, answer.ca_pem, key_,
                                                       identity_.node_name, clock_.Wall())
                                      .status(),
                                  "the coordinator's answer"));
  MUSTER_RETURN_IF_ERROR(SaveTrust(answer.ca_pem));
  MUSTER_RETURN_IF_ERROR(
      WriteFileAtomically(NodeCertificatePath(options_.state_dir), answer.certificate_pem, 0644));
  identity_.certificate_pem = answer.certificate_pem;
  MUSTER_RETURN_IF_ERROR(Read());
  // Now that the certificate is from another CA, without the one that only it needed.
  return SaveTrust(answer.ca_pem);
}

}  // namespace muster::agent
