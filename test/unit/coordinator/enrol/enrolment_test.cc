#include "coordinator/enrol/enrolment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <utility>

#include "coordinator/store/memory/memory_store.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// Lets something else happen just before the next transaction.
class InterruptedStore final : public Store {
 public:
  explicit InterruptedStore(Store& store) : store_(store) {}

  absl::StatusOr<int64_t> Transact(const Transaction& transaction) override {
    if (auto interrupt = std::exchange(before_transact, nullptr)) interrupt();
    return store_.Transact(transaction);
  }
  absl::StatusOr<std::optional<KeyValue>> Get(const std::string& key) override {
    return store_.Get(key);
  }
  absl::StatusOr<Listing> List(const std::string& prefix) override { return store_.List(prefix); }
  absl::StatusOr<std::unique_ptr<Watch>> WatchFrom(const std::string& prefix, int64_t after,
                                                   OnChanges on_changes) override {
    return store_.WatchFrom(prefix, after, std::move(on_changes));
  }
  absl::Status Compact(int64_t revision) override { return store_.Compact(revision); }
  absl::StatusOr<int64_t> CurrentRevision() override { return store_.CurrentRevision(); }

  std::function<void()> before_transact;

 private:
  Store& store_;
};

class EnrolmentTest : public ::testing::Test {
 protected:
  EnrolRequest Request(const std::string& name, const pki::PrivateKey& key) {
    EnrolRequest request;
    request.token = NewToken();
    request.node_name = name;
    request.csr_pem = pki::MakeRequest(key, "anything").value();
    return request;
  }
  std::string NewToken(int64_t uses = 1) { return tokens_.Create(1h, uses)->text; }
  std::vector<v1::Object> List(model::Kind kind) { return objects_.List({kind})->items; }
  size_t TokensLeft() { return store_.List("/muster.dev/tokens/")->items.size(); }

  TempDir dir_;
  MemoryStore store_{{.delivery = WatchHub::Delivery::kOnDemand}};
  ManualClock clock_;
  ObjectStore objects_{store_, clock_};
  TokenStore tokens_{store_, clock_};
  CertificateAuthority ca_ = CertificateAuthority::LoadOrCreate(dir_.path(), clock_.Wall()).value();
  Enrolment enrolment_{objects_, tokens_, ca_, clock_};
  const pki::PrivateKey key_ = pki::PrivateKey::Generate().value();
};

TEST_F(EnrolmentTest, AHostBecomesANode) {
  EnrolRequest request = Request("n1", key_);
  request.labels = {{"kubernetes.io/arch", "amd64"}, {"tier", "web"}};
  v1::Taint& taint = request.taints.emplace_back();
  taint.set_key("dedicated");
  taint.set_value("gpu");
  taint.set_effect("NoExecute");
  const auto result = enrolment_.Enrol(request);
  ASSERT_TRUE(result.ok()) << result.status();

  EXPECT_EQ(result->ca_pem, ca_.certificate_pem());
  EXPECT_TRUE(
      pki::VerifyIssuedBy(result->certificate_pem, ca_.certificate_pem(), clock_.Wall()).ok());
  const auto info = pki::ParseCertificate(result->certificate_pem).value();
  EXPECT_EQ(pki::NodeNameOf(info.common_name, info.organization), "n1");
  EXPECT_EQ(info.public_key_hash, key_.PublicKeyHash().value());

  const v1::Object object = objects_.Get(model::Kind::kNode, "", "n1").value();
  const v1::Node& node = object.node();
  EXPECT_FALSE(node.metadata().uid().empty());
  EXPECT_THAT(
      node.metadata().labels(),
      UnorderedElementsAre(Pair("kubernetes.io/hostname", "n1"), Pair("kubernetes.io/os", "linux"),
                           Pair("kubernetes.io/arch", "amd64"), Pair("tier", "web")));
  EXPECT_THAT(node.metadata().annotations(),
              UnorderedElementsAre(Pair("muster.dev/node-key-hash", key_.PublicKeyHash().value()),
                                   Pair("muster.dev/certificate-expires", testing::_)));
  ASSERT_EQ(node.spec().taints_size(), 2);
  EXPECT_EQ(node.spec().taints(0).key(), "dedicated");
  EXPECT_EQ(node.spec().taints(1).key(), "node.kubernetes.io/not-ready");
  EXPECT_EQ(node.spec().taints(1).effect(), "NoSchedule");

  const auto events = List(model::Kind::kEvent);
  ASSERT_THAT(events, SizeIs(1));
  EXPECT_EQ(events[0].event().reason(), "RegisteredNode");
  EXPECT_EQ(events[0].event().metadata().namespace_(), "default");
  EXPECT_EQ(events[0].event().involved_object().uid(), node.metadata().uid());
  EXPECT_EQ(events[0].event().metadata().resource_version(), node.metadata().resource_version());
  EXPECT_EQ(TokensLeft(), 0U);
}

TEST_F(EnrolmentTest, AgainWithTheSameKeyNeedsNoTokenAndChangesNothing) {
  EnrolRequest request = Request("n1", key_);
  ASSERT_TRUE(enrolment_.Enrol(request).ok());
  const int64_t revision = store_.CurrentRevision().value();
  request.labels = {{"late", "label"}};
  const auto again = enrolment_.Enrol(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(pki::ParseCertificate(again->certificate_pem)->public_key_hash,
            key_.PublicKeyHash().value());
  EXPECT_EQ(store_.CurrentRevision().value(), revision);
}

TEST_F(EnrolmentTest, AnotherKeyDoesNotGetAnExistingName) {
  ASSERT_TRUE(enrolment_.Enrol(Request("n1", key_)).ok());
  EnrolRequest request = Request("n1", pki::PrivateKey::Generate().value());
  const absl::Status refused = enrolment_.Enrol(request).status();
  EXPECT_TRUE(absl::IsAlreadyExists(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()),
              AllOf(HasSubstr("--node-name"), HasSubstr("musterctl delete node n1")));
  EXPECT_EQ(TokensLeft(), 1U);  // It can still be used for another name.
  request.token = "aaaaaa.aaaaaaaaaaaaaaaaaaaaaaaa";
  EXPECT_TRUE(absl::IsUnauthenticated(enrolment_.Enrol(request).status()));
}

TEST_F(EnrolmentTest, ANodeOfUnknownKeyIsNotTakenOver) {
  v1::Object node = model::NewObject(*model::FindKind(model::Kind::kNode));
  node.mutable_node()->mutable_metadata()->set_name("n1");
  ObjectTransaction transaction;
  transaction.Create(node);
  ASSERT_TRUE(objects_.Commit(transaction).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(enrolment_.Enrol(Request("n1", key_)).status()));
}

TEST_F(EnrolmentTest, ADeletedNodeJoinsAnewWithItsOldKeyAndANewToken) {
  EnrolRequest request = Request("n1", key_);
  ASSERT_TRUE(enrolment_.Enrol(request).ok());
  const std::string uid = objects_.Get(model::Kind::kNode, "", "n1")->node().metadata().uid();
  ObjectTransaction transaction;
  transaction.DeleteAny(model::Kind::kNode, "", "n1");
  ASSERT_TRUE(objects_.Commit(transaction).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(enrolment_.Enrol(request).status()));
  request.token = NewToken();
  clock_.Advance(1s);
  EXPECT_TRUE(enrolment_.Enrol(request).ok());
  EXPECT_NE(objects_.Get(model::Kind::kNode, "", "n1")->node().metadata().uid(), uid);
}

TEST_F(EnrolmentTest, AWrongTokenChangesNothing) {
  EnrolRequest request = Request("n1", key_);
  request.token.back() = request.token.back() == 'a' ? 'b' : 'a';
  EXPECT_TRUE(absl::IsUnauthenticated(enrolment_.Enrol(request).status()));
  EXPECT_THAT(List(model::Kind::kNode), IsEmpty());
  EXPECT_EQ(TokensLeft(), 1U);
}

TEST_F(EnrolmentTest, ATokenOfTwoUsesIsGoodForTwoNodes) {
  EnrolRequest request = Request("n1", key_);
  request.token = NewToken(2);
  ASSERT_TRUE(enrolment_.Enrol(request).ok());
  request.node_name = "n2";
  ASSERT_TRUE(enrolment_.Enrol(request).ok());
  request.node_name = "n3";
  EXPECT_TRUE(absl::IsUnauthenticated(enrolment_.Enrol(request).status()));
  EXPECT_THAT(List(model::Kind::kNode), SizeIs(2));
}

TEST_F(EnrolmentTest, RequestsThatAreWrongAreRefusedWithEveryReason) {
  const auto taint = [](const char* key, const char* value, const char* effect) {
    v1::Taint result;
    result.set_key(key);
    result.set_value(value);
    result.set_effect(effect);
    return result;
  };
  struct Case {
    const char* what;
    std::function<void(EnrolRequest&)> spoil;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {"no name", [](auto& r) { r.node_name = ""; }, "node name \"\""},
           {"upper case", [](auto& r) { r.node_name = "N1"; }, "node name \"N1\""},
           {"a path", [](auto& r) { r.node_name = "../n1"; }, "node name \"../n1\""},
           {"too long", [](auto& r) { r.node_name = std::string(254, 'a'); }, "253"},
           {"label key",
            [](auto& r) {
              r.labels = {{"a b", "c"}};
            },
            "label \"a b\""},
           {"label value",
            [](auto& r) {
              r.labels = {{"a", "b c"}};
            },
            "value \"b c\" of label"},
           {"taint key", [&](auto& r) { r.taints = {taint("a b", "", "NoSchedule")}; },
            "taint \"a b\""},
           {"taint effect", [&](auto& r) { r.taints = {taint("a", "", "Never")}; },
            "must be NoSchedule, PreferNoSchedule or NoExecute"},
           {"taint twice",
            [&](auto& r) {
              r.taints = {taint("a", "b", "NoExecute"), taint("a", "c", "NoExecute")};
            },
            "there twice"},
           {"no request", [](auto& r) { r.csr_pem = "rubbish"; }, "certificate request"},
       }) {
    EnrolRequest request = Request("n1", key_);
    test.spoil(request);
    const absl::Status refused = enrolment_.Enrol(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(refused)) << test.what << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(test.message)) << test.what;
  }
  EXPECT_THAT(List(model::Kind::kNode), IsEmpty());
  EnrolRequest request = Request("N1", key_);
  request.labels = {{"a b", "c"}};
  EXPECT_THAT(std::string(CheckEnrolRequest(request).message()),
              AllOf(HasSubstr("node name"), HasSubstr("label")));
}

TEST_F(EnrolmentTest, AFullDiskKeepsTheTokenForTheNextTry) {
  const EnrolRequest request = Request("n1", key_);
  store_.FailNextTransact(absl::ResourceExhaustedError("disk full"));
  EXPECT_TRUE(absl::IsResourceExhausted(enrolment_.Enrol(request).status()));
  EXPECT_TRUE(enrolment_.Enrol(request).ok());
}

TEST_F(EnrolmentTest, AnAnswerLostAfterTheCommitIsGivenAgain) {
  const EnrolRequest request = Request("n1", key_);
  store_.InjectFault({0, absl::UnavailableError("lost"), true});
  EXPECT_TRUE(absl::IsUnavailable(enrolment_.Enrol(request).status()));
  EXPECT_TRUE(enrolment_.Enrol(request).ok());
  EXPECT_THAT(List(model::Kind::kNode), SizeIs(1));
}

TEST_F(EnrolmentTest, TwoHostsCannotTakeTheSameUseOfAToken) {
  InterruptedStore store(store_);
  ObjectStore objects(store, clock_);
  Enrolment slow(objects, tokens_, ca_, clock_);
  for (const int64_t uses : {1, 2}) {
    const std::string suffix = std::to_string(uses);
    EnrolRequest request = Request("slow" + suffix, key_);
    request.token = NewToken(uses);
    EnrolRequest quicker = request;
    quicker.node_name = "quick" + suffix;
    store.before_transact = [&] { EXPECT_TRUE(enrolment_.Enrol(quicker).ok()); };
    const absl::Status status = slow.Enrol(request).status();
    if (uses == 1) {
      EXPECT_TRUE(absl::IsUnauthenticated(status)) << status;
    } else {
      EXPECT_TRUE(status.ok()) << status;
      EXPECT_TRUE(absl::IsUnauthenticated(tokens_.Check(request.token).status()));
    }
  }
  EXPECT_THAT(List(model::Kind::kNode), SizeIs(3));
}

TEST_F(EnrolmentTest, TwoHostsCannotTakeTheSameName) {
  InterruptedStore store(store_);
  ObjectStore objects(store, clock_);
  Enrolment slow(objects, tokens_, ca_, clock_);
  const EnrolRequest request = Request("n1", pki::PrivateKey::Generate().value());
  store.before_transact = [&] { EXPECT_TRUE(enrolment_.Enrol(Request("n1", key_)).ok()); };
  EXPECT_TRUE(absl::IsAlreadyExists(slow.Enrol(request).status()));
  EXPECT_EQ(TokensLeft(), 1U);
}

TEST_F(EnrolmentTest, TheNotReadyTaintIsOurs) {
  EnrolRequest request = Request("n1", key_);
  v1::Taint& taint = request.taints.emplace_back();
  taint.set_key("node.kubernetes.io/not-ready");
  taint.set_effect("NoExecute");
  const v1::Object node = NewNode(request, {}, "sha256:x");
  ASSERT_EQ(node.node().spec().taints_size(), 1);
  EXPECT_EQ(node.node().spec().taints(0).effect(), "NoSchedule");
}

// What a token is good for.

TEST_F(EnrolmentTest, ATokenIsGoodForTheNamesThatItIsFor) {
  EnrolRequest request = Request("web-1", key_);
  request.token = tokens_.Create(1h, 1, {"db-*", {}, false})->text;
  const absl::Status refused = enrolment_.Enrol(request).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("for nodes named \"db-*\", not for"));
  request.node_name = "db-1";
  EXPECT_TRUE(enrolment_.Enrol(request).ok());  // It was not used up.
}

TEST_F(EnrolmentTest, AHostSaysOfItselfOnlyWhatAKubeletMay) {
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"tier", "web"},
                                          {"example.com/rack", "7"},
                                          {"notkubernetes.io/a", "b"},
                                          {"kubernetes.io/arch", "arm64"},
                                          {"kubernetes.io/hostname", "n1"},
                                          {"topology.kubernetes.io/zone", "z"},
                                          {"topology.kubernetes.io/region", "r"},
                                          {"node.kubernetes.io/instance-type", "m"}}) {
    EnrolRequest request = Request("n1", key_);
    request.labels = {{key, value}};
    EXPECT_TRUE(CheckScope(request, {}).ok()) << key;
  }
  for (const auto& [key, value] :
       std::map<std::string, std::string>{{"kubernetes.io/hostname", "db1"},
                                          {"kubernetes.io/role", "db"},
                                          {"node-role.kubernetes.io/control-plane", ""},
                                          {"node-restriction.kubernetes.io/pci", "yes"},
                                          {"topology.kubernetes.io/other", "x"},
                                          {"x.k8s.io/a", "b"},
                                          {"muster.dev/class", "db"},
                                          {"a.muster.dev/class", "db"}}) {
    EnrolRequest request = Request("n1", key_);
    request.labels = {{key, value}};
    const absl::Status refused = enrolment_.Enrol(request).status();
    EXPECT_TRUE(absl::IsPermissionDenied(refused)) << key << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr("musterctl token create --labels"));
    // Asked for as the token gives it, it is fine; with another value not.
    EXPECT_TRUE(CheckScope(request, {"", {{key, value}}, false}).ok()) << key;
    EXPECT_FALSE(CheckScope(request, {"", {{key, value + "x"}}, false}).ok()) << key;
  }
  EXPECT_THAT(List(model::Kind::kNode), IsEmpty());
}

TEST_F(EnrolmentTest, TheTokensLabelsGoOverTheHosts) {
  EnrolRequest request = Request("n1", key_);
  request.labels = {{"tier", "edge"}};
  request.token =
      tokens_.Create(1h, 1, {"", {{"tier", "core"}, {"muster.dev/class", "db"}}, false})->text;
  ASSERT_TRUE(enrolment_.Enrol(request).ok());
  const auto labels = objects_.Get(model::Kind::kNode, "", "n1")->node().metadata().labels();
  EXPECT_EQ(labels.at("tier"), "core");
  EXPECT_EQ(labels.at("muster.dev/class"), "db");
}

TEST_F(EnrolmentTest, ATokenThatMayReplaceGivesTheNameToAnotherKey) {
  ASSERT_TRUE(enrolment_.Enrol(Request("n1", key_)).ok());
  const v1::Node before = objects_.Get(model::Kind::kNode, "", "n1")->node();
  clock_.Advance(1s);  // Events are named after the time.
  const pki::PrivateKey other = pki::PrivateKey::Generate().value();
  EnrolRequest request = Request("n1", other);
  request.token = tokens_.Create(1h, 1, {"n1", {{"muster.dev/class", "db"}}, true})->text;
  const auto result = enrolment_.Enrol(request);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(pki::ParseCertificate(result->certificate_pem)->public_key_hash,
            other.PublicKeyHash().value());
  const v1::Node after = objects_.Get(model::Kind::kNode, "", "n1")->node();
  EXPECT_EQ(after.metadata().uid(), before.metadata().uid());
  EXPECT_EQ(after.metadata().annotations().at("muster.dev/node-key-hash"),
            other.PublicKeyHash().value());
  EXPECT_EQ(after.metadata().labels().at("muster.dev/class"), "db");
  // The token is used up, and the old key is a stranger's.
  EXPECT_TRUE(absl::IsUnauthenticated(tokens_.Check(request.token).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(enrolment_.Enrol(Request("n1", key_)).status()));
}

TEST_F(EnrolmentTest, ReplacingIsForTheNamesOfTheTokenOnly) {
  ASSERT_TRUE(enrolment_.Enrol(Request("n1", key_)).ok());
  EnrolRequest request = Request("n1", pki::PrivateKey::Generate().value());
  request.token = tokens_.Create(1h, 1, {"db-*", {}, true})->text;
  EXPECT_TRUE(absl::IsPermissionDenied(enrolment_.Enrol(request).status()));
}

class RenewalTest : public EnrolmentTest {
 protected:
  void SetUp() override { ASSERT_TRUE(enrolment_.Enrol(Request("n1", key_)).ok()); }
  absl::StatusOr<EnrolResult> Renew(const pki::PrivateKey& key, const std::string& name = "n1") {
    return enrolment_.Renew(name, pki::MakeRequest(key, "anything").value());
  }
  std::string Expires() {
    return objects_.Get(model::Kind::kNode, "", "n1")
        ->node()
        .metadata()
        .annotations()
        .at("muster.dev/certificate-expires");
  }
};

TEST_F(RenewalTest, WhoHasTheKeyGetsAnotherCertificate) {
  const std::string first = Expires();
  clock_.Advance(24h * 5);
  const auto renewed = Renew(key_);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  const auto info = pki::ParseCertificate(renewed->certificate_pem).value();
  EXPECT_EQ(pki::NodeNameOf(info.common_name, info.organization), "n1");
  EXPECT_EQ(info.public_key_hash, key_.PublicKeyHash().value());
  EXPECT_EQ(info.not_after, clock_.Wall() + 24h * 7);
  EXPECT_EQ(renewed->ca_pem, ca_.certificate_pem());
  EXPECT_GT(Expires(), first);
}

TEST_F(RenewalTest, AHostThatWasOffForLongComesBackByItself) {
  clock_.Advance(24h * (7 + 30) - 1h);
  EXPECT_TRUE(Renew(key_).ok()) << Renew(key_).status();
}

TEST_F(RenewalTest, AfterTheWindowItTakesAToken) {
  clock_.Advance(24h * (7 + 30) + 1h);
  EXPECT_TRUE(absl::IsPermissionDenied(Renew(key_).status())) << Renew(key_).status();
  // Joining again without one is no way around it.
  EnrolRequest request = Request("n1", key_);
  request.token = "aaaaaa.aaaaaaaaaaaaaaaaaaaaaaaa";
  EXPECT_TRUE(absl::IsUnauthenticated(enrolment_.Enrol(request).status()));
  // With one it is the same node, whatever token that is.
  request.token = NewToken();
  const absl::Status joined = enrolment_.Enrol(request).status();
  ASSERT_TRUE(joined.ok()) << joined;
  EXPECT_TRUE(Renew(key_).ok());
}

TEST_F(RenewalTest, AnotherKeyOrAnotherNameIsRefusedAlike) {
  const absl::Status other_key = Renew(pki::PrivateKey::Generate().value()).status();
  EXPECT_TRUE(absl::IsUnauthenticated(other_key)) << other_key;
  const absl::Status no_node = Renew(key_, "n2").status();
  EXPECT_TRUE(absl::IsUnauthenticated(no_node)) << no_node;
  EXPECT_TRUE(absl::IsInvalidArgument(enrolment_.Renew("n1", "rubbish").status()));
}

TEST_F(RenewalTest, ARevokedNodeIsWorthNothingUntilATokenReplacesIt) {
  clock_.Advance(1s);  // Events are named by their time.
  EXPECT_TRUE(enrolment_.Revoke("n1").value());
  EXPECT_FALSE(enrolment_.Revoke("n1").value());
  EXPECT_TRUE(absl::IsNotFound(enrolment_.Revoke("n2").status()));
  EXPECT_TRUE(absl::IsUnauthenticated(Renew(key_).status()));
  EXPECT_TRUE(absl::IsAlreadyExists(enrolment_.Enrol(Request("n1", key_)).status()));
  EnrolRequest request = Request("n1", key_);
  request.token = tokens_.Create(1h, 1, {.replace = true})->text;
  clock_.Advance(1s);
  const absl::Status replaced = enrolment_.Enrol(request).status();
  EXPECT_TRUE(replaced.ok()) << replaced;
  EXPECT_TRUE(Renew(key_).ok());
}

TEST_F(RenewalTest, ARemovedNodeDoesNotComeBack) {
  ObjectTransaction transaction;
  transaction.Delete(*objects_.Get(model::Kind::kNode, "", "n1"));
  ASSERT_TRUE(objects_.Commit(std::move(transaction)).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(Renew(key_).status()));
}

TEST_F(RenewalTest, FromTheFirstMomentOfARotationTheNewAuthoritySigns) {
  ASSERT_TRUE(ca_.BeginRotation(clock_.Wall()).value());
  const auto renewed = Renew(key_);
  ASSERT_TRUE(renewed.ok()) << renewed.status();
  EXPECT_EQ(renewed->ca_pem, ca_.trusted_pem());
  EXPECT_EQ(pki::IssuerAmong(renewed->certificate_pem, renewed->ca_pem).value(), ca_.issuer_hash());
}

}  // namespace
}  // namespace muster::coordinator
