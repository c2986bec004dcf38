// auth, user and token.
#include <sys/stat.h>

#include <fstream>
#include <sstream>

#include "common/pki/pki.h"
#include "ctl/client/connect.h"
#include "ctl/commands/all.h"
#include "ctl/commands/auth.h"
#include "ctl/commands/command_line.h"
#include "ctl/commands/token.h"
#include "ctl/commands/user.h"
#include "gmock/gmock.h"
#include "test/support/temp_dir.h"
#include "test/unit/ctl/commands/command_test.h"

namespace muster::ctl {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class AccessTest : public CommandsTest {
 protected:
  int CanI(const std::string& verb, const std::string& resource) {
    Context context = MakeContext();
    return RunCanI(context, {verb, resource, "", false, true, false});
  }
  // Runs a whole command line; -n counts as it does for people.
  int Run(std::vector<std::string> words) {
    CommandLine line;
    AddAllCommands(line);
    const auto parsed = line.Parse(std::move(words), out_, err_);
    if (const int* code = std::get_if<int>(&parsed)) return *code;
    Context context = MakeContext();
    context.ns = line.ns();
    context.all_namespaces = line.all_namespaces();
    return std::get<CommandLine::Action>(parsed)(context);
  }
  std::string ReadAll(const std::string& path) {
    std::ifstream file(path);
    std::stringstream text;
    text << file.rdbuf();
    return text.str();
  }

  TempDir folder_;
};

TEST_F(AccessTest, CanIAnswersAndExitsAsKubectlDoes) {
  client_.can_i.set_allowed(true);
  EXPECT_EQ(CanI("list", "pods"), kExitDone);
  EXPECT_EQ(out_.str(), "yes\n");
  EXPECT_EQ(client_.can_i_requests[0].verb(), "list");
  EXPECT_EQ(client_.can_i_requests[0].resource(), "pods");
  EXPECT_EQ(client_.can_i_requests[0].namespace_(), "default");
  client_.can_i.set_allowed(false);
  out_.str("");
  EXPECT_EQ(CanI("list", "pods"), kExitError);
  EXPECT_EQ(out_.str(), "no\n");
  EXPECT_EQ(err_.str(), "");
}

TEST_F(AccessTest, CanIKnowsNamesSubresourcesAndCommands) {
  struct Case {
    const char* verb;
    const char* resource;
    const char* expected_verb;
    const char* expected_resource;
    const char* expected_name;
  };
  for (const Case& c : {Case{"get", "pods/web", "get", "pods", "web"},
                        Case{"create", "pods/exec", "create", "pods/exec", ""},
                        Case{"exec", "pods", "create", "pods/exec", ""},
                        Case{"exec", "pods/web", "create", "pods/exec", "web"},
                        Case{"port-forward", "po", "create", "po/portforward", ""},
                        Case{"logs", "pod/web", "get", "pod/log", "web"}}) {
    CanI(c.verb, c.resource);
    const auto& request = client_.can_i_requests.back();
    EXPECT_EQ(request.verb(), c.expected_verb) << c.verb << " " << c.resource;
    EXPECT_EQ(request.resource(), c.expected_resource) << c.verb << " " << c.resource;
    EXPECT_EQ(request.name(), c.expected_name) << c.verb << " " << c.resource;
  }
}

TEST_F(AccessTest, CanIWarnsOfWhatHasNoNamespaceOrIsNotThere) {
  CanI("get", "nodes");
  EXPECT_THAT(err_.str(), HasSubstr("Warning: resource 'nodes' is not namespace scoped"));
  EXPECT_EQ(client_.can_i_requests.back().namespace_(), "");
  CanI("get", "unicorns");
  EXPECT_THAT(err_.str(), HasSubstr("Warning: the server doesn't have a resource type 'unicorns'"));
}

TEST_F(AccessTest, CanIListsInKubectlsColumns) {
  auto& rule = *client_.can_i.add_rules();
  rule.set_resource("pods/exec");
  rule.add_verbs("create");
  EXPECT_EQ(Run({"auth", "can-i", "--list", "-n", "a"}), kExitDone);
  EXPECT_EQ(out_.str(),
            "Resources   Non-Resource URLs   Resource Names   Verbs\n"
            "pods/exec   []                  []               [create]\n");
  EXPECT_EQ(client_.can_i_requests[0].namespace_(), "a");
  EXPECT_EQ(client_.can_i_requests[0].verb(), "");
}

TEST_F(AccessTest, CanIWantsAVerbAndAResourceOrList) {
  for (const std::vector<std::string>& words : {std::vector<std::string>{"auth", "can-i"},
                                                {"auth", "can-i", "get"},
                                                {"auth", "can-i", "get", "pods", "--list"}}) {
    EXPECT_EQ(Run(words), kExitUsage);
  }
  EXPECT_EQ(Run({"auth", "can-i", "get", "pods", "-A"}), kExitError);
  EXPECT_TRUE(client_.can_i_requests.back().all_namespaces());
}

TEST_F(AccessTest, WhoAmIShowsAttributes) {
  client_.who_am_i.set_name("anna");
  client_.who_am_i.add_groups("muster:users");
  client_.who_am_i.set_role("operator");
  client_.who_am_i.add_namespaces("a");
  client_.who_am_i.add_namespaces("b");
  EXPECT_EQ(Run({"auth", "whoami"}), kExitDone);
  EXPECT_EQ(out_.str(),
            "ATTRIBUTE           VALUE\n"
            "Username            anna\n"
            "Groups              [muster:users]\n"
            "Extra: role         [operator]\n"
            "Extra: namespaces   [a b]\n");
}

TEST_F(AccessTest, UserCreateWritesAFileForItsOwnerAlone) {
  client_.create_user.set_server("c:7440");
  client_.create_user.set_ca_pem("CA");
  client_.create_user.set_certificate_pem("CERT");
  client_.create_user.set_remote_admin(true);
  const std::string path = folder_ / "anna.yaml";
  ASSERT_EQ(Run({"user", "create", "anna", "--role", "operator", "-n", "a,b", "--allow", "exec,cp",
                 "--ttl", "48h", "--out", path}),
            kExitDone)
      << err_.str();
  EXPECT_EQ(out_.str(), "user/anna created\n");
  ASSERT_EQ(client_.user_requests.size(), 1u);
  const admin::v1::CreateUserRequest& request = client_.user_requests[0];
  EXPECT_EQ(request.name(), "anna");
  EXPECT_EQ(request.role(), "operator");
  EXPECT_THAT(request.namespaces(), ElementsAre("a", "b"));
  EXPECT_THAT(request.rights(), ElementsAre("exec", "cp"));
  EXPECT_EQ(request.ttl_seconds(), 48 * 3600);
  EXPECT_FALSE(request.replace());
  struct stat info;
  ASSERT_EQ(::stat(path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  const auto endpoint = FindEndpoint("", nullptr, {path, true, true});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->server, "c:7440");
  EXPECT_EQ(endpoint->certificate_pem, "CERT");
  // The key stayed here, and is the one that the request was made with.
  EXPECT_EQ(request.SerializeAsString().find("PRIVATE"), std::string::npos);
  EXPECT_EQ(*pki::PrivateKey::FromPem(endpoint->key_pem)->PublicKeyHash(),
            *pki::RequestPublicKeyHash(request.csr_pem()));
}

TEST_F(AccessTest, UserCreateWithoutANamespaceIsForAllOfThem) {
  const std::string path = folder_ / "x.yaml";
  client_.create_user.set_server("c:7440");
  ASSERT_EQ(Run({"user", "create", "x", "--role", "viewer", "--out", path}), kExitDone);
  EXPECT_EQ(client_.user_requests[0].namespaces_size(), 0);
  EXPECT_THAT(err_.str(), HasSubstr("remoteAdmin: true"));
}

TEST_F(AccessTest, UserCreateTouchesNoFileThatIsThereAndNoneWhenItFails) {
  const std::string path = folder_ / "x.yaml";
  std::ofstream(path) << "precious";
  EXPECT_EQ(Run({"user", "create", "x", "--role", "viewer", "--out", path}), kExitError);
  EXPECT_EQ(ReadAll(path), "precious");
  EXPECT_TRUE(client_.user_requests.empty());
  client_.next_error = absl::AlreadyExistsError("user \"x\" already exists");
  EXPECT_EQ(Run({"user", "create", "x", "--role", "viewer", "--out", folder_ / "y.yaml"}),
            kExitError);
  EXPECT_FALSE(std::ifstream(folder_ / "y.yaml").good());
  EXPECT_THAT(err_.str(), HasSubstr("Error from server (AlreadyExists): user \"x\""));
  EXPECT_EQ(Run({"user", "create", "x", "--role", "king"}), kExitUsage);
  EXPECT_EQ(Run({"user", "create", "x"}), kExitUsage);
}

TEST_F(AccessTest, UsersAreListedAndDeleted) {
  auto& user = *client_.users.add_users();
  user.set_name("anna");
  user.set_role("viewer");
  user.add_namespaces("a");
  user.set_expires_at_unix_seconds(1'800'000'000);
  EXPECT_EQ(Run({"user", "list"}), kExitDone);
  EXPECT_EQ(out_.str(),
            "NAME   ROLE     NAMESPACES   RIGHTS   EXPIRES\n"
            "anna   viewer   a            <none>   2027-01-15T08:00:00Z\n");
  out_.str("");
  EXPECT_EQ(Run({"user", "delete", "anna", "berta"}), kExitDone);
  EXPECT_EQ(out_.str(), "user/anna deleted\nuser/berta deleted\n");
  EXPECT_THAT(client_.deleted_access, ElementsAre("anna", "berta"));
}

TEST_F(AccessTest, ATokenCanBeBound) {
  EXPECT_EQ(Run({"token", "create", "--node-name", "db-*", "--labels", "a=b,muster.dev/c=d",
                 "--labels", "e=", "--replace"}),
            kExitDone)
      << err_.str();
  const admin::v1::CreateTokenRequest& request = client_.token_requests[0];
  EXPECT_EQ(request.node_name(), "db-*");
  EXPECT_EQ(request.labels().at("a"), "b");
  EXPECT_EQ(request.labels().at("muster.dev/c"), "d");
  EXPECT_EQ(request.labels().at("e"), "");
  EXPECT_TRUE(request.replace());
  EXPECT_EQ(Run({"token", "create", "--labels", "nothing"}), kExitUsage);
}

TEST_F(AccessTest, TokensAreListedAndDeleted) {
  EXPECT_EQ(Run({"token", "list"}), kExitDone);
  EXPECT_EQ(out_.str(), "");
  EXPECT_EQ(err_.str(), "No tokens found\n");
  auto& token = *client_.tokens.add_tokens();
  token.set_id("abcdef");
  token.set_uses_left(2);
  token.set_node_name("db-*");
  (*token.mutable_labels())["b"] = "2";
  (*token.mutable_labels())["a"] = "1";
  token.set_expires_at_unix_seconds(1'800'000'000);
  EXPECT_EQ(Run({"token", "list"}), kExitDone);
  EXPECT_EQ(out_.str(),
            "ID       EXPIRES                USES LEFT   NODE NAME   LABELS    REPLACE\n"
            "abcdef   2027-01-15T08:00:00Z   2           db-*        a=1,b=2   no\n");
  out_.str("");
  EXPECT_EQ(Run({"token", "delete", "abcdef.secret"}), kExitDone);
  EXPECT_EQ(out_.str(), "token/abcdef deleted\n");
  EXPECT_THAT(client_.deleted_access, ElementsAre("abcdef"));
}

TEST_F(AccessTest, NodesAreRevokedByName) {
  EXPECT_EQ(Run({"node", "revoke", "n1", "node/n2"}), kExitDone) << err_.str();
  EXPECT_THAT(client_.revoked, ElementsAre("n1", "n2"));
  EXPECT_EQ(out_.str(), "node/n1 revoked\nnode/n2 revoked\n");
}

TEST_F(AccessTest, AnAuthorityIsReplacedInTwoSteps) {
  EXPECT_EQ(Run({"ca", "rotate"}), kExitDone) << err_.str();
  EXPECT_EQ(out_.str(), "A new CA signs from now on; the old one is trusted beside it.\n");
  EXPECT_THAT(err_.str(), HasSubstr("musterctl ca rotate --finish"));
  EXPECT_EQ(Run({"ca", "rotate", "--finish", "--force"}), kExitDone);
  ASSERT_EQ(client_.rotations.size(), 2U);
  EXPECT_FALSE(client_.rotations[0].finish());
  EXPECT_TRUE(client_.rotations[1].finish());
  EXPECT_TRUE(client_.rotations[1].force());
  EXPECT_EQ(Run({"ca", "rotate", "--force"}), kExitUsage);
  client_.rotation_changes = false;
  out_.str("");
  EXPECT_EQ(Run({"ca", "rotate"}), kExitDone);
  EXPECT_EQ(out_.str(), "The CA is being replaced already.\n");
  client_.next_error = absl::FailedPreconditionError("one still depends on the old CA: Node n1");
  EXPECT_EQ(Run({"ca", "rotate", "--finish"}), kExitError);
  EXPECT_THAT(err_.str(), HasSubstr("Node n1"));
}

TEST_F(AccessTest, TheStatusNamesWhoDependsOnTheOldAuthority) {
  auto& authority = *client_.ca_status.add_authorities();
  authority.set_hash("sha256:old");
  authority.set_serves(true);
  authority.set_not_after_unix_seconds(1'800'000'000);
  auto& next = *client_.ca_status.add_authorities();
  next.set_hash("sha256:new");
  next.set_issues(true);
  client_.ca_status.set_rotating(true);
  client_.ca_status.set_nodes(3);
  auto& dependent = *client_.ca_status.add_dependents();
  dependent.set_kind("Node");
  dependent.set_name("n1");
  dependent.set_why("it is off");
  EXPECT_EQ(Run({"ca", "status"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("sha256:old   trusted,serves"));
  EXPECT_THAT(out_.str(), HasSubstr("sha256:new   trusted,signs"));
  EXPECT_THAT(out_.str(), HasSubstr("Node   n1     it is off"));
  client_.ca_status.clear_dependents();
  out_.str("");
  EXPECT_EQ(Run({"ca", "status"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("Nobody depends on the old CA any more (3 nodes)"));
}

TEST_F(AccessTest, AUserRenewsItsOwnFile) {
  const pki::PrivateKey key = pki::PrivateKey::Generate().value();
  Context context = MakeContext();
  context.config_file = folder_ / "otto.yaml";
  std::ofstream(context.config_file)
      << ConfigText({"c:7440", "old CA\n", "old certificate\n", key.ToPem().value()});
  client_.renewal.set_certificate_pem("new certificate\n");
  client_.renewal.set_ca_pem("both CAs\n");
  EXPECT_EQ(RunUserRenew(context), kExitDone) << err_.str();
  const auto endpoint = FindEndpoint("", nullptr, {context.config_file, true, true});
  ASSERT_TRUE(endpoint.ok()) << endpoint.status();
  EXPECT_EQ(endpoint->server, "c:7440");
  EXPECT_EQ(endpoint->certificate_pem, "new certificate\n");
  EXPECT_EQ(endpoint->ca_pem, "both CAs\n");
  EXPECT_EQ(endpoint->key_pem, key.ToPem().value());
  ASSERT_EQ(client_.renewal_requests.size(), 1U);
  EXPECT_EQ(pki::RequestPublicKeyHash(client_.renewal_requests[0].csr_pem()).value(),
            key.PublicKeyHash().value());
}

TEST_F(AccessTest, TheSealIsShownAndChanged) {
  auto& key = *client_.seal_status.add_keys();
  key.set_id("0123456789abcdef");
  key.set_current(true);
  key.set_records(7);
  client_.seal_status.set_key_from("/f");
  EXPECT_EQ(Run({"seal", "status"}), kExitDone);
  EXPECT_EQ(out_.str(),
            "KEY                USE     SECRETS\n"
            "0123456789abcdef   seals   7\n"
            "The key is in /f of the coordinator's host.\n");
  EXPECT_EQ(err_.str(), "");
  client_.seal_rotation.set_key_id("k");
  client_.seal_rotation.set_resealed(1);
  out_.str("");
  EXPECT_EQ(Run({"seal", "rotate"}), kExitDone);
  EXPECT_EQ(out_.str(), "1 Secret is sealed with key k now\n");
  out_.str("");
  client_.seal_rotation.add_nodes_asked("n1");
  client_.seal_rotation.add_nodes_passed_over("n2");
  EXPECT_EQ(Run({"seal", "rotate", "--nodes"}), kExitDone);
  EXPECT_EQ(out_.str(), "1 node asked for a new key; \"musterctl seal status\" shows who has it\n");
  EXPECT_THAT(err_.str(), HasSubstr("node n2 has not said with which key it seals"));
  out_.str("");
  auto& node = *client_.seal_status.add_nodes();
  node.set_name("n1");
  node.set_key_id("fedcba9876543210");
  node.set_replacing(true);
  EXPECT_EQ(Run({"seal", "status"}), kExitDone);
  EXPECT_THAT(out_.str(), HasSubstr("NODE   KEY                STATE\n"
                                    "n1     fedcba9876543210   being replaced\n"));
}

}  // namespace
}  // namespace muster::ctl
