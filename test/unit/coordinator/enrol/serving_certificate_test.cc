#include "coordinator/enrol/serving_certificate.h"

#include <gtest/gtest.h>

#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using std::chrono::hours;

class ServingCertificateTest : public ::testing::Test {
 protected:
  pki::CertificateInfo Info() {
    return pki::ParseCertificate(serving_->Current()->server.certificate_pem).value();
  }

  TempDir dir_;
  ManualClock clock_;
  CertificateAuthority ca_ = CertificateAuthority::LoadOrCreate(dir_.path(), clock_.Wall()).value();
  const std::unique_ptr<ServingCertificate> serving_ =
      ServingCertificate::Create(ca_, {"10.0.0.1"}, clock_).value();
};

TEST_F(ServingCertificateTest, IsTheSameUntilTwoThirdsOfItsLifeAreOver) {
  const auto first = serving_->Current();
  EXPECT_EQ(Info().not_after, clock_.Wall() + hours(24 * 30));
  clock_.Advance(hours(24 * 19));
  EXPECT_EQ(serving_->Current(), first);
  clock_.Advance(hours(24 * 2));
  const auto second = serving_->Current();
  EXPECT_NE(second, first);
  EXPECT_EQ(second->not_after, clock_.Wall() + hours(24 * 30));
  EXPECT_EQ(serving_->Current(), second);
}

TEST_F(ServingCertificateTest, FollowsTheAuthority) {
  const auto first = serving_->Current();
  ASSERT_TRUE(ca_.BeginRotation(clock_.Wall()).value());
  const auto second = serving_->Current();
  // Its clients may be from either, while it is from the old one itself.
  EXPECT_EQ(second->server.ca_pem, ca_.trusted_pem());
  EXPECT_EQ(second->ca_hash, first->ca_hash);
  ASSERT_TRUE(ca_.FinishRotation().value());
  const auto third = serving_->Current();
  EXPECT_EQ(third->ca_hash, ca_.hash());
  EXPECT_NE(third->ca_hash, first->ca_hash);
  EXPECT_EQ(third->server.ca_pem, ca_.certificate_pem());
  EXPECT_TRUE(
      pki::VerifyIssuedBy(third->server.certificate_pem, ca_.certificate_pem(), clock_.Wall())
          .ok());
}

}  // namespace
}  // namespace muster::coordinator
