#include "coordinator/api/trust_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/model/node_key.h"
#include "common/model/time_text.h"
#include "coordinator/store/memory/memory_store.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class TrustApiTest : public ::testing::Test {
 protected:
  // A node that was last seen with a certificate of this authority.
  void PutNode(const std::string& name, const std::string& ca_hash) {
    v1::Object object = model::NewObject(*model::FindKind(model::Kind::kNode));
    v1::ObjectMeta& metadata = *object.mutable_node()->mutable_metadata();
    metadata.set_name(name);
    auto& annotations = *metadata.mutable_annotations();
    annotations[model::kNodeKeyHashAnnotation] = "sha256:" + name;
    annotations[model::kCertificateExpiresAnnotation] =
        model::FormatTime(model::ToTime(absl::FromChrono(clock_.Wall() + 24h)));
    annotations[model::kCertificateAuthorityAnnotation] = ca_hash;
    ObjectTransaction transaction;
    transaction.DeleteAny(model::Kind::kNode, "", name);
    (void)objects_.Commit(std::move(transaction));
    ObjectTransaction again;
    again.Create(object);
    ASSERT_TRUE(objects_.Commit(std::move(again)).ok());
  }
  void PutUser(const std::string& name, const pki::PrivateKey& key, const std::string& ca_hash) {
    UserStore::User user;
    user.identity.name = name;
    user.key_hash = key.PublicKeyHash().value();
    user.created_at = clock_.Wall();
    user.expires_at = clock_.Wall() + 48h;
    user.ca_hash = ca_hash;
    ASSERT_TRUE(users_.Put(user, true).ok());
  }
  absl::StatusOr<admin::v1::RotateCaResponse> Rotate(bool finish = false, bool force = false) {
    admin::v1::RotateCaRequest request;
    request.set_finish(finish);
    request.set_force(force);
    return api_.RotateCa(request);
  }

  TempDir dir_;
  ManualClock clock_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ObjectStore objects_{store_, clock_};
  TokenStore tokens_{store_, clock_};
  UserStore users_{store_};
  CertificateAuthority ca_ = CertificateAuthority::LoadOrCreate(dir_.path(), clock_.Wall()).value();
  Enrolment enrolment_{objects_, tokens_, ca_, clock_};
  const std::unique_ptr<SealKeeper> seals_ =
      SealKeeper::Open(store_, {dir_ / "sealing.key"}, nullptr).value();
  int changes_ = 0;
  TrustApi api_{
      ca_,
      enrolment_,
      users_,
      objects_,
      *seals_,
      clock_,
      {.on_change = [this] { ++changes_; }, .server_not_after = [this] { return clock_.Wall(); }}};
};

TEST_F(TrustApiTest, AnAuthorityIsReplacedOnceNobodyDependsOnIt) {
  const std::string old_hash = ca_.hash();
  PutNode("n1", old_hash);
  PutNode("n2", old_hash);
  auto begun = Rotate();
  ASSERT_TRUE(begun.ok()) << begun.status();
  EXPECT_TRUE(begun->changed());
  EXPECT_EQ(changes_, 1);
  EXPECT_TRUE(begun->status().rotating());
  ASSERT_EQ(begun->status().authorities_size(), 2);
  EXPECT_TRUE(begun->status().authorities(0).serves());
  EXPECT_TRUE(begun->status().authorities(1).issues());
  EXPECT_EQ(begun->status().dependents_size(), 2);
  EXPECT_EQ(begun->status().nodes(), 2);
  EXPECT_FALSE(Rotate()->changed());
  EXPECT_EQ(changes_, 1);

  PutNode("n1", ca_.issuer_hash());
  const absl::Status refused = Rotate(true).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("Node n2"), Not(HasSubstr("Node n1")), HasSubstr("--force")));
  PutNode("n2", ca_.issuer_hash());
  const auto finished = Rotate(true);
  ASSERT_TRUE(finished.ok()) << finished.status();
  EXPECT_TRUE(finished->changed());
  EXPECT_FALSE(finished->status().rotating());
  EXPECT_EQ(finished->status().authorities_size(), 1);
  EXPECT_NE(ca_.hash(), old_hash);
  EXPECT_EQ(changes_, 2);
  EXPECT_FALSE(Rotate(true)->changed());
}

TEST_F(TrustApiTest, ForceLeavesBehindWhoIsLate) {
  PutNode("n1", ca_.hash());
  ASSERT_TRUE(Rotate().ok());
  ASSERT_FALSE(Rotate(true).ok());
  EXPECT_TRUE(Rotate(true, true)->changed());
}

TEST_F(TrustApiTest, PeopleDependOnItToo) {
  const pki::PrivateKey key = pki::PrivateKey::Generate().value();
  PutUser("otto", key, ca_.hash());
  ASSERT_TRUE(Rotate().ok());
  EXPECT_THAT(std::string(Rotate(true).status().message()), HasSubstr("User otto"));
  Identity otto;
  otto.name = "otto";
  otto.groups = {pki::kUserOrganization};
  admin::v1::RenewUserRequest request;
  request.set_csr_pem(pki::MakeRequest(key, "x").value());
  const auto renewed = api_.RenewUser(otto, request);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(renewed->ca_pem(), ca_.trusted_pem());
  const auto info = pki::ParseCertificate(renewed->certificate_pem()).value();
  EXPECT_EQ(info.common_name, "otto");
  EXPECT_EQ(info.not_after, clock_.Wall() + 48h);  // As it was.
  EXPECT_TRUE(Rotate(true).ok()) << Rotate(true).status();
}

TEST_F(TrustApiTest, NobodyRenewsForAnother) {
  const pki::PrivateKey key = pki::PrivateKey::Generate().value();
  PutUser("otto", key, ca_.hash());
  Identity otto;
  otto.name = "otto";
  admin::v1::RenewUserRequest request;
  request.set_csr_pem(pki::MakeRequest(key, "x").value());
  EXPECT_TRUE(absl::IsFailedPrecondition(api_.RenewUser(otto, request).status()));  // Local.
  otto.groups = {pki::kUserOrganization};
  request.set_csr_pem(pki::MakeRequest(pki::PrivateKey::Generate().value(), "x").value());
  EXPECT_TRUE(absl::IsUnauthenticated(api_.RenewUser(otto, request).status()));
  otto.name = "anna";
  EXPECT_FALSE(api_.RenewUser(otto, request).ok());
  request.set_csr_pem("rubbish");
  EXPECT_TRUE(absl::IsInvalidArgument(api_.RenewUser(otto, request).status()));
}

TEST_F(TrustApiTest, SealingIsShownAndChanged) {
  const auto before = api_.GetSealStatus({});
  ASSERT_TRUE(before.ok()) << before.status();
  ASSERT_EQ(before->keys_size(), 1);
  EXPECT_TRUE(before->keys(0).current());
  EXPECT_EQ(before->key_from(), dir_ / "sealing.key");
  const auto rotated = api_.RotateSeal({});
  ASSERT_TRUE(rotated.ok()) << rotated.status();
  EXPECT_NE(rotated->key_id(), before->keys(0).id());
}

TEST_F(TrustApiTest, NodesAreAskedForAnotherSealingKey) {
  for (const char* name : {"n1", "n2", "old"}) PutNode(name, "");
  const auto change = [this](const std::string& name, const char* note, const std::string& value) {
    v1::Object node = objects_.Get(model::Kind::kNode, "", name).value();
    (*node.mutable_node()->mutable_metadata()->mutable_annotations())[note] = value;
    ObjectTransaction transaction;
    transaction.Update(std::move(node));
    ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  };
  change("n1", model::kSealingKeyAnnotation, "k1");
  change("n2", model::kSealingKeyAnnotation, "k2");
  admin::v1::RotateSealRequest request;
  request.add_nodes("n1");
  auto asked = api_.RotateSeal(request);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_THAT(asked->nodes_asked(), ElementsAre("n1"));
  EXPECT_EQ(asked->key_id(), "") << "the store's own stays";
  request.clear_nodes();
  request.set_all_nodes(true);
  asked = api_.RotateSeal(request);
  ASSERT_TRUE(asked.ok()) << asked.status();
  EXPECT_THAT(asked->nodes_asked(), ElementsAre("n1", "n2"));
  EXPECT_THAT(asked->nodes_passed_over(), ElementsAre("old"));
  change("n2", model::kSealingKeyProblemAnnotation, "cannot");
  const auto status = api_.GetSealStatus({});
  ASSERT_TRUE(status.ok());
  ASSERT_EQ(status->nodes_size(), 3);
  EXPECT_EQ(status->nodes(0).key_id(), "k1");
  EXPECT_TRUE(status->nodes(0).replacing());
  EXPECT_EQ(status->nodes(1).problem(), "cannot");
  EXPECT_EQ(status->nodes(2).key_id(), "");
  EXPECT_FALSE(status->nodes(2).replacing());
  // None of them, when one is not there.
  request.set_all_nodes(false);
  request.add_nodes("n1");
  request.add_nodes("nobody");
  EXPECT_TRUE(absl::IsNotFound(api_.RotateSeal(request).status()));
}

TEST(WhyNodeDepends, OnlyWhoCouldNotGoOn) {
  const WallTime now = WallTime(std::chrono::seconds(1'700'000'000));
  const auto node = [](const std::string& key, const std::string& ca, const std::string& expires) {
    v1::Node node;
    auto& annotations = *node.mutable_metadata()->mutable_annotations();
    annotations[model::kNodeKeyHashAnnotation] = key;
    if (!ca.empty()) annotations[model::kCertificateAuthorityAnnotation] = ca;
    if (!expires.empty()) annotations[model::kCertificateExpiresAnnotation] = expires;
    return node;
  };
  const std::string later = "2023-11-20T00:00:00Z", earlier = "2023-11-01T00:00:00Z";
  EXPECT_THAT(WhyNodeDepends(node("k", "new", later), "new", now, 1h), IsEmpty());
  EXPECT_THAT(WhyNodeDepends(node("k", "old", later), "new", now, 1h), HasSubstr("new CA"));
  EXPECT_THAT(WhyNodeDepends(node("k", "", later), "new", now, 1h), HasSubstr("not connected"));
  EXPECT_THAT(WhyNodeDepends(node("k", "old", ""), "new", now, 1h), Not(IsEmpty()));
  // It has to join anew in any case.
  EXPECT_THAT(WhyNodeDepends(node("revoked", "old", later), "new", now, 1h), IsEmpty());
  EXPECT_THAT(WhyNodeDepends(node("k", "old", earlier), "new", now, 1h), IsEmpty());
  EXPECT_THAT(WhyNodeDepends(node("k", "old", earlier), "new", now, 24h * 30), Not(IsEmpty()));
}

}  // namespace
}  // namespace muster::coordinator
