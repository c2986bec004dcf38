#include "coordinator/api/access_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "common/pki/pki.h"
#include "coordinator/store/memory/memory_store.h"
#include "test/support/temp_dir.h"

namespace muster::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AccessApiTest : public ::testing::Test {
 protected:
  AccessApi Api(bool remote_admin = true) {
    AccessApi::Options options;
    options.address = [] { return std::string("c:7440"); };
    options.join_command = [](const std::string& token) { return "join " + token; };
    options.remote_admin = remote_admin;
    return AccessApi(tokens_, users_, ca_, clock_, std::move(options));
  }
  admin::v1::CreateUserRequest Request(const std::string& name, const std::string& role) {
    admin::v1::CreateUserRequest request;
    request.set_name(name);
    request.set_role(role);
    request.set_csr_pem(*pki::MakeRequest(key_, name));
    return request;
  }

  const SystemClock clock_{};
  MemoryStore store_;
  TempDir folder_;
  const CertificateAuthority ca_ =
      *CertificateAuthority::LoadOrCreate(folder_.path(), clock_.Wall());
  TokenStore tokens_{store_, clock_};
  UserStore users_{store_};
  const pki::PrivateKey key_ = *pki::PrivateKey::Generate();
};

TEST_F(AccessApiTest, AUserGetsACertificateOfThisFleetForItsOwnKey) {
  admin::v1::CreateUserRequest request = Request("anna", "operator");
  request.add_namespaces("a");
  request.add_rights("exec");
  const auto user = Api().CreateUser(request);
  ASSERT_TRUE(user.ok()) << user.status();
  EXPECT_EQ(user->server(), "c:7440");
  EXPECT_TRUE(user->remote_admin());
  const auto info = pki::ParseCertificate(user->certificate_pem());
  EXPECT_EQ(info->common_name, "anna");
  EXPECT_EQ(info->organization, pki::kUserOrganization);
  EXPECT_EQ(info->public_key_hash, *key_.PublicKeyHash());
  EXPECT_TRUE(pki::VerifyIssuedBy(user->certificate_pem(), user->ca_pem(), clock_.Wall()).ok());
  const auto identity = users_.Find("anna", info->public_key_hash, clock_.Wall());
  ASSERT_TRUE(identity.ok());
  EXPECT_EQ(identity->role, Role::kOperator);
  EXPECT_THAT(identity->namespaces, ElementsAre("a"));
  EXPECT_THAT(identity->rights, ElementsAre(Right::kExec));
}

TEST_F(AccessApiTest, WhatIsWrongWithAUserIsSaidAndNobodyIsMade) {
  const auto refusal = [&](const admin::v1::CreateUserRequest& request) {
    const absl::Status status = Api().CreateUser(request).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    return std::string(status.message());
  };
  EXPECT_THAT(refusal(Request("system:node:n1", "viewer")), HasSubstr("user name"));
  EXPECT_THAT(refusal(Request("anna", "king")), HasSubstr("admin, operator or viewer"));
  admin::v1::CreateUserRequest request = Request("anna", "viewer");
  request.add_rights("fly");
  EXPECT_THAT(refusal(request), HasSubstr("\"fly\" is no right"));
  request = Request("anna", "viewer");
  request.add_namespaces("Not_One");
  EXPECT_THAT(refusal(request), HasSubstr("namespace \"Not_One\""));
  request = Request("anna", "viewer");
  request.set_csr_pem("rubbish");
  EXPECT_THAT(refusal(request), HasSubstr("certificate request"));
  request = Request("anna", "viewer");
  request.set_ttl_seconds(60);
  EXPECT_THAT(refusal(request), HasSubstr("one hour"));
  request.set_ttl_seconds(400LL * 24 * 3600);
  EXPECT_THAT(refusal(request), HasSubstr("a year"));
  EXPECT_TRUE(users_.List()->empty());
}

TEST_F(AccessApiTest, UsersAreListedAndDeleted) {
  AccessApi api = Api();
  admin::v1::CreateUserRequest request = Request("anna", "viewer");
  request.set_ttl_seconds(7200);
  ASSERT_TRUE(api.CreateUser(request).ok());
  EXPECT_TRUE(absl::IsAlreadyExists(api.CreateUser(request).status()));
  request.set_replace(true);
  EXPECT_TRUE(api.CreateUser(request).ok());
  const auto users = api.ListUsers({});
  ASSERT_EQ(users->users_size(), 1);
  EXPECT_EQ(users->users(0).name(), "anna");
  EXPECT_EQ(users->users(0).role(), "viewer");
  EXPECT_EQ(users->users(0).expires_at_unix_seconds() - users->users(0).created_at_unix_seconds(),
            7200);
  admin::v1::DeleteUserRequest remove;
  remove.set_name("anna");
  EXPECT_TRUE(api.DeleteUser(remove).ok());
  EXPECT_TRUE(absl::IsNotFound(api.DeleteUser(remove).status()));
}

TEST_F(AccessApiTest, TokensAreMadeListedAndDeletedAndTheirSecretsAreToldOnce) {
  AccessApi api = Api();
  admin::v1::CreateTokenRequest request;
  request.set_uses(3);
  request.set_node_name("db-*");
  (*request.mutable_labels())["muster.dev/class"] = "db";
  request.set_replace(true);
  const auto token = api.CreateToken(request);
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(token->join_command(), "join " + token->token());
  EXPECT_EQ(token->ca_hash(), ca_.hash());
  const auto tokens = api.ListTokens({});
  ASSERT_EQ(tokens->tokens_size(), 1);
  EXPECT_EQ(tokens->tokens(0).id(), token->id());
  EXPECT_EQ(tokens->tokens(0).uses_left(), 3);
  EXPECT_EQ(tokens->tokens(0).node_name(), "db-*");
  EXPECT_EQ(tokens->tokens(0).labels().at("muster.dev/class"), "db");
  EXPECT_TRUE(tokens->tokens(0).replace());
  const std::string secret = token->token().substr(token->token().find('.') + 1);
  EXPECT_EQ(tokens->SerializeAsString().find(secret), std::string::npos);
  admin::v1::DeleteTokenRequest remove;
  remove.set_id(token->id());
  EXPECT_TRUE(api.DeleteToken(remove).ok());
  EXPECT_TRUE(absl::IsUnauthenticated(tokens_.Check(token->token()).status()));
  EXPECT_TRUE(absl::IsNotFound(api.DeleteToken(remove).status()));
}

TEST(CanI, AnswersAsTheCallWouldBeAnswered) {
  const Identity viewer{"eve", {"g"}, Role::kViewer, {"a"}, {Right::kExec}};
  const auto may = [&](const char* verb, const char* resource, const char* ns, bool all = false) {
    admin::v1::CanIRequest request;
    request.set_verb(verb);
    request.set_resource(resource);
    request.set_namespace_(ns);
    request.set_all_namespaces(all);
    return *CanI(viewer, request);
  };
  EXPECT_TRUE(may("list", "po", "a").allowed());
  EXPECT_TRUE(may("create", "pods/exec", "a").allowed());
  EXPECT_FALSE(may("list", "po", "b").allowed());
  EXPECT_FALSE(may("list", "po", "a", true).allowed());
  EXPECT_FALSE(may("get", "nodes", "").allowed());
  EXPECT_THAT(may("list", "secrets", "a").reason(), HasSubstr("cannot list resource"));
  admin::v1::CanIRequest all;
  all.set_namespace_("a");
  EXPECT_GT(CanI(viewer, all)->rules_size(), 5);
  all.set_namespace_("b");
  EXPECT_EQ(CanI(viewer, all)->rules_size(), 0);
}

TEST(WhoAmI, SaysAllThatIsKnownOfTheCaller) {
  const auto who = WhoAmI({"eve", {"g"}, Role::kViewer, {"a"}, {Right::kPortForward}}, {});
  EXPECT_EQ(who->name(), "eve");
  EXPECT_EQ(who->role(), "viewer");
  EXPECT_THAT(who->groups(), ElementsAre("g"));
  EXPECT_THAT(who->namespaces(), ElementsAre("a"));
  EXPECT_THAT(who->rights(), ElementsAre("port-forward"));
}

}  // namespace
}  // namespace muster::coordinator
