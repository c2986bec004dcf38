#include "coordinator/enrol/certificate_authority.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/text_file.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using std::chrono::hours;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

const WallTime kNow = WallTime(std::chrono::seconds(1'700'000'000));

class CertificateAuthorityTest : public ::testing::Test {
 protected:
  absl::StatusOr<CertificateAuthority> TryLoad(WallTime now = kNow) {
    return CertificateAuthority::LoadOrCreate(directory_, now);
  }
  CertificateAuthority Load() {
    auto ca = TryLoad();
    EXPECT_TRUE(ca.ok()) << ca.status();
    return *std::move(ca);
  }

  TempDir dir_;
  const std::string directory_ = dir_ / "pki";
  const std::string path_ = directory_ + "/ca.pem";
};

TEST_F(CertificateAuthorityTest, IsMadeOnceAndThenLoaded) {
  const std::string hash = Load().hash();
  EXPECT_THAT(hash, ::testing::MatchesRegex("sha256:[0-9a-f]{64}"));
  const CertificateAuthority again = Load();
  EXPECT_EQ(again.hash(), hash);
  EXPECT_EQ(pki::PublicKeyHash(again.certificate_pem()).value(), hash);
  EXPECT_EQ(ReadFile(directory_ + "/ca.crt").value(), again.certificate_pem());
}

TEST_F(CertificateAuthorityTest, OnlyTheOwnerCanReadTheKey) {
  Load();
  struct stat info;
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  ASSERT_EQ(::stat(directory_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0700U);
  EXPECT_THAT(ReadFile(directory_ + "/ca.crt").value(), Not(HasSubstr("PRIVATE KEY")));
}

TEST_F(CertificateAuthorityTest, ALostCopyOfTheCertificateIsWrittenAgain) {
  const CertificateAuthority ca = Load();
  ASSERT_TRUE(std::filesystem::remove(directory_ + "/ca.crt"));
  EXPECT_EQ(Load().hash(), ca.hash());
  EXPECT_EQ(ReadFile(directory_ + "/ca.crt").value(), ca.certificate_pem());
}

TEST_F(CertificateAuthorityTest, AKilledFirstStartLeavesNoneOrAWholeOne) {
  // The file is renamed into place; what was written beside it before is not it.
  ASSERT_TRUE(MakeDirectories(directory_, 0700).ok());
  ASSERT_TRUE(WriteFileAtomically(path_ + ".new", "-----BEGIN PRIV", 0600).ok());
  Load();
}

TEST_F(CertificateAuthorityTest, ADamagedOneIsNeverReplaced) {
  Load();
  const std::string good = ReadFile(path_).value();
  const TempDir other_dir;
  ASSERT_TRUE(CertificateAuthority::LoadOrCreate(other_dir.path(), kNow).ok());
  const std::string other = ReadFile(other_dir / "ca.pem").value();
  const size_t certificate = good.find("-----BEGIN CERTIFICATE");
  for (const std::string& bad :
       {std::string(), std::string("rubbish"), good.substr(0, good.size() / 2),
        good.substr(0, certificate), good.substr(certificate),
        good.substr(0, certificate) + other.substr(other.find("-----BEGIN CERTIFICATE"))}) {
    ASSERT_TRUE(WriteFileAtomically(path_, bad, 0600).ok());
    const auto refused = TryLoad();
    EXPECT_TRUE(absl::IsDataLoss(refused.status())) << refused.status();
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(path_));
    EXPECT_EQ(ReadFile(path_).value(), bad);
  }
}

TEST_F(CertificateAuthorityTest, AnExpiredOneIsSaidToBe) {
  Load();
  const auto expired = TryLoad(kNow + hours(24 * 3651));
  EXPECT_TRUE(absl::IsFailedPrecondition(expired.status())) << expired.status();
  EXPECT_THAT(std::string(expired.status().message()), HasSubstr("expired"));
}

TEST_F(CertificateAuthorityTest, TheServersChainHasTheCaInIt) {
  const CertificateAuthority ca = Load();
  const pki::KeyAndCertificate server = ca.IssueServer({"10.0.0.1", "control"}, kNow).value();
  const pki::CertificateInfo info = pki::ParseCertificate(server.certificate_pem).value();
  EXPECT_THAT(info.dns_names, ElementsAre("muster-coordinator", "control"));
  EXPECT_THAT(info.ip_addresses, ElementsAre("10.0.0.1"));
  EXPECT_TRUE(pki::VerifyIssuedBy(server.certificate_pem, ca.certificate_pem(), kNow).ok());
  EXPECT_THAT(server.certificate_pem, ::testing::EndsWith(ca.certificate_pem()));
  EXPECT_EQ(pki::PrivateKey::FromPem(server.key_pem)->PublicKeyHash().value(),
            info.public_key_hash);
}

TEST_F(CertificateAuthorityTest, ClientsGetTheirKindOfIdentity) {
  const CertificateAuthority ca = Load();
  const std::string request =
      pki::MakeRequest(pki::PrivateKey::Generate().value(), "anybody").value();
  const auto node = pki::ParseCertificate(ca.SignNode(request, "n1", kNow).value()).value();
  EXPECT_EQ(pki::NodeNameOf(node.common_name, node.organization), "n1");
  EXPECT_EQ(node.not_after, kNow + hours(24 * 7));
  const auto user =
      pki::ParseCertificate(ca.SignUser(request, "ann", kNow, hours(48)).value()).value();
  EXPECT_EQ(user.common_name, "ann");
  EXPECT_EQ(user.organization, "muster:users");
  EXPECT_EQ(user.not_after, kNow + hours(48));
  EXPECT_EQ(pki::NodeNameOf(user.common_name, user.organization), "");
}

TEST_F(CertificateAuthorityTest, WhileItIsReplacedBothAreTrustedAndTheNewOneSigns) {
  CertificateAuthority ca = Load();
  const std::string old_pem = ca.certificate_pem(), old_hash = ca.hash();
  EXPECT_FALSE(ca.rotating());
  EXPECT_TRUE(ca.BeginRotation(kNow).value());
  EXPECT_FALSE(ca.BeginRotation(kNow).value());
  for (const CertificateAuthority& each : {ca, Load()}) {
    EXPECT_TRUE(each.rotating());
    EXPECT_EQ(each.certificate_pem(), old_pem);  // Nodes that know no other have to believe it.
    EXPECT_EQ(each.hash(), old_hash);
    EXPECT_NE(each.issuer_hash(), old_hash);
    EXPECT_THAT(pki::HashesOf(each.trusted_pem()).value(),
                ElementsAre(old_hash, each.issuer_hash()));
    EXPECT_EQ(ReadFile(directory_ + "/ca.crt").value(), each.trusted_pem());
    const std::string request =
        pki::MakeRequest(pki::PrivateKey::Generate().value(), "anybody").value();
    const std::string node = each.SignNode(request, "n1", kNow).value();
    EXPECT_EQ(pki::IssuerAmong(node, each.trusted_pem()).value(), each.issuer_hash());
    EXPECT_TRUE(absl::IsNotFound(pki::IssuerAmong(node, old_pem).status()));
    const std::string server = each.IssueServer({}, kNow)->certificate_pem;
    EXPECT_EQ(pki::IssuerAmong(server, each.trusted_pem()).value(), old_hash);
  }
}

TEST_F(CertificateAuthorityTest, InTheEndOnlyTheNewOneIsLeft) {
  CertificateAuthority ca = Load();
  const std::string old_hash = ca.hash();
  EXPECT_FALSE(ca.FinishRotation().value());
  ASSERT_TRUE(ca.BeginRotation(kNow).value());
  const std::string new_hash = ca.issuer_hash();
  EXPECT_TRUE(ca.FinishRotation().value());
  EXPECT_FALSE(ca.FinishRotation().value());
  for (const CertificateAuthority& each : {ca, Load()}) {
    EXPECT_FALSE(each.rotating());
    EXPECT_EQ(each.hash(), new_hash);
    EXPECT_THAT(pki::HashesOf(each.trusted_pem()).value(), ElementsAre(new_hash));
    EXPECT_EQ(ReadFile(directory_ + "/ca.crt").value(), each.certificate_pem());
  }
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/ca-next.pem"));
}

TEST_F(CertificateAuthorityTest, ADamagedNextOneIsNotPassedOver) {
  ASSERT_TRUE(Load().BeginRotation(kNow).value());
  ASSERT_TRUE(WriteFileAtomically(directory_ + "/ca-next.pem", "rubbish", 0600).ok());
  EXPECT_TRUE(absl::IsDataLoss(TryLoad().status())) << TryLoad().status();
}

}  // namespace
}  // namespace muster::coordinator
