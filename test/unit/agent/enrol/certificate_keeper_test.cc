#include "agent/enrol/certificate_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "common/base/text_file.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr auto kLife = 24h * 6;

class CertificateKeeperTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(MakeDirectories(dir_ / "pki", 0700).ok());
    Write(NodeKeyPath(dir_.path()), key_.ToPem().value());
    Write(CaPath(dir_.path()), old_ca_.certificate_pem);
    Write(NodeCertificatePath(dir_.path()), Sign(old_ca_));
    Start();
  }
  // Also what a restart is.
  void Start() {
    keeper_ = nullptr;
    auto keeper = CertificateKeeper::Create(
        {dir_.path(), 7}, clock_,
        [this](RenewCall call, RenewClient::Done done) {
          calls_.push_back(std::move(call));
          done_ = std::move(done);
        },
        [this](std::function<void()> task) { posted_.push_back(std::move(task)); });
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    keeper_ = *std::move(keeper);
  }
  void Write(const std::string& path, const std::string& content) {
    ASSERT_TRUE(WriteFileAtomically(path, content, 0600).ok());
  }
  std::string Sign(const pki::KeyAndCertificate& ca, const std::string& name = "n1") {
    return pki::SignClientRequest(ca, pki::MakeRequest(key_, "x").value(),
                                  pki::NodeCommonName(name), pki::kNodeOrganization, clock_.Wall(),
                                  kLife)
        .value();
  }
  void Answer(absl::StatusOr<RenewedCertificate> answer) {
    ASSERT_TRUE(done_);
    std::exchange(done_, nullptr)(std::move(answer));
    while (!posted_.empty()) {
      auto task = std::move(posted_.front());
      posted_.pop_front();
      task();
    }
  }
  // Steps until it asks; how long that took.
  Duration UntilAsked() {
    const MonoTime begin = clock_.Mono();
    const size_t before = calls_.size();
    for (int i = 0; i < 1'000; ++i) {
      const auto wake = keeper_->Step();
      if (calls_.size() > before) return clock_.Mono() - begin;
      if (!wake) break;
      clock_.Advance(*wake - clock_.Mono());
    }
    ADD_FAILURE() << "it never asks";
    return {};
  }
  std::string OnDisk(const std::string& path) { return ReadFile(path).value(); }
  static std::string HashOf(const pki::KeyAndCertificate& ca) {
    return pki::PublicKeyHash(ca.certificate_pem).value();
  }

  TempDir dir_;
  ManualClock clock_;
  const pki::PrivateKey key_ = pki::PrivateKey::Generate().value();
  const pki::KeyAndCertificate old_ca_ = pki::MakeCa("fleet", clock_.Wall(), 24h * 999).value();
  const pki::KeyAndCertificate new_ca_ = pki::MakeCa("fleet", clock_.Wall(), 24h * 999).value();
  std::vector<RenewCall> calls_;
  RenewClient::Done done_;
  std::deque<std::function<void()>> posted_;
  std::unique_ptr<CertificateKeeper> keeper_;
};

TEST_F(CertificateKeeperTest, RenewsWhenTwoThirdsAreOver) {
  const Duration waited = UntilAsked();
  EXPECT_GE(waited, Duration(kLife / 3 * 2 - 1h));
  EXPECT_LE(waited, Duration(kLife / 4 * 3 + 2h));
  ASSERT_THAT(calls_, SizeIs(1));
  EXPECT_EQ(calls_[0].node_name, "n1");
  EXPECT_EQ(pki::RequestPublicKeyHash(calls_[0].csr_pem).value(), key_.PublicKeyHash().value());
  EXPECT_EQ(keeper_->Step(), std::nullopt);  // While it waits for the answer.
  EXPECT_FALSE(keeper_->TakeRenewed());

  const std::string renewed = Sign(old_ca_);
  Answer(RenewedCertificate{renewed, old_ca_.certificate_pem});
  EXPECT_TRUE(keeper_->TakeRenewed());
  EXPECT_FALSE(keeper_->TakeRenewed());
  EXPECT_EQ(OnDisk(NodeCertificatePath(dir_.path())), renewed);
  EXPECT_EQ(OnDisk(NodeKeyPath(dir_.path())), key_.ToPem().value());
  EXPECT_GE(UntilAsked(), Duration(kLife / 3 * 2 - 1h));
}

TEST_F(CertificateKeeperTest, OneThatHasExpiredIsRenewedAtOnce) {
  clock_.Advance(kLife * 2);
  Start();
  EXPECT_EQ(UntilAsked(), Duration(0));
}

TEST_F(CertificateKeeperTest, ARefusalIsTriedAgainMoreAndMoreRarely) {
  clock_.Advance(kLife * 2);
  keeper_->Step();
  Duration last(0);
  for (int i = 0; i < 12; ++i) {
    Answer(absl::UnauthenticatedError("no"));
    last = UntilAsked();
  }
  EXPECT_GE(last, Duration(30min));
  EXPECT_LE(last, Duration(1h));
  EXPECT_FALSE(keeper_->TakeRenewed());
  EXPECT_NE(OnDisk(NodeCertificatePath(dir_.path())), "");
}

TEST_F(CertificateKeeperTest, WhatIsNotWhatWasAskedForIsNotTaken) {
  const std::string before = OnDisk(NodeCertificatePath(dir_.path()));
  const pki::PrivateKey other = pki::PrivateKey::Generate().value();
  const std::string others = pki::SignClientRequest(old_ca_, pki::MakeRequest(other, "x").value(),
                                                    pki::NodeCommonName("n1"),
                                                    pki::kNodeOrganization, clock_.Wall(), kLife)
                                 .value();
  clock_.Advance(kLife - 1h);
  keeper_->Step();
  for (const RenewedCertificate& bad :
       {RenewedCertificate{"rubbish", old_ca_.certificate_pem},
        RenewedCertificate{Sign(old_ca_), "rubbish"},
        RenewedCertificate{Sign(new_ca_), old_ca_.certificate_pem},
        RenewedCertificate{Sign(old_ca_, "n2"), old_ca_.certificate_pem},
        RenewedCertificate{others, old_ca_.certificate_pem},
        RenewedCertificate{before, old_ca_.certificate_pem}}) {
    // The last one is good as long as it lasts; by now it is over.
    if (bad.certificate_pem == before) clock_.Advance(2h);
    Answer(bad);
    EXPECT_FALSE(keeper_->TakeRenewed());
    EXPECT_EQ(OnDisk(NodeCertificatePath(dir_.path())), before);
    EXPECT_EQ(OnDisk(CaPath(dir_.path())), old_ca_.certificate_pem);
    UntilAsked();
  }
}

TEST_F(CertificateKeeperTest, ANewCaIsTrustedFirstAndThenHasItsCertificate) {
  const std::string both = old_ca_.certificate_pem + new_ca_.certificate_pem;
  keeper_->TakeTrust({both, HashOf(new_ca_)});
  EXPECT_THAT(keeper_->TrustedCas(), ElementsAre(HashOf(old_ca_), HashOf(new_ca_)));
  EXPECT_EQ(OnDisk(CaPath(dir_.path())), both);
  EXPECT_LE(UntilAsked(), Duration(60s));
  Answer(RenewedCertificate{Sign(new_ca_), both});
  EXPECT_TRUE(keeper_->TakeRenewed());
  // The old one goes when the coordinator says so.
  keeper_->TakeTrust({new_ca_.certificate_pem, HashOf(new_ca_)});
  EXPECT_THAT(keeper_->TrustedCas(), ElementsAre(HashOf(new_ca_)));
  EXPECT_TRUE(LoadNodeIdentity(dir_.path()).ok());
  EXPECT_GE(UntilAsked(), Duration(24h));
}

TEST_F(CertificateKeeperTest, AtNoMomentDoTheFilesNotBelongTogether) {
  // The old CA is gone before the node has a certificate of the new one.
  keeper_->TakeTrust({new_ca_.certificate_pem, HashOf(new_ca_)});
  EXPECT_THAT(keeper_->TrustedCas(), ElementsAre(HashOf(new_ca_), HashOf(old_ca_)));
  EXPECT_TRUE(LoadNodeIdentity(dir_.path()).ok());
  Start();
  keeper_->TakeTrust({new_ca_.certificate_pem, HashOf(new_ca_)});
  UntilAsked();
  Answer(RenewedCertificate{Sign(new_ca_), new_ca_.certificate_pem});
  EXPECT_THAT(keeper_->TrustedCas(), ElementsAre(HashOf(new_ca_)));
  EXPECT_EQ(OnDisk(CaPath(dir_.path())), new_ca_.certificate_pem);
  EXPECT_TRUE(LoadNodeIdentity(dir_.path()).ok());
}

TEST_F(CertificateKeeperTest, WhatCannotBeReadChangesNothing) {
  keeper_->TakeTrust({"", ""});
  keeper_->TakeTrust({"rubbish", "rubbish"});
  EXPECT_THAT(keeper_->TrustedCas(), ElementsAre(HashOf(old_ca_)));
  EXPECT_TRUE(LoadNodeIdentity(dir_.path()).ok());
}

TEST_F(CertificateKeeperTest, AnAnswerThatComesTooLateIsForNobody) {
  clock_.Advance(kLife * 2);
  keeper_->Step();
  keeper_ = nullptr;
  Answer(RenewedCertificate{Sign(old_ca_), old_ca_.certificate_pem});
  EXPECT_TRUE(LoadNodeIdentity(dir_.path()).ok());
}

}  // namespace
}  // namespace muster::agent
