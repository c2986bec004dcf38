// Joining against a server of gRPC on the loopback, with the TLS that both ends really use.

#include "agent/enrol/join.h"

#include <gmock/gmock.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "agent/enrol/node_identity.h"
#include "common/base/text_file.h"
#include "common/pki/grpc_credentials.h"
#include "common/pki/pki.h"
#include "muster/session/v1/session.grpc.pb.h"
#include "test/support/temp_dir.h"

namespace muster::agent {
namespace {

using std::chrono::hours;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

constexpr char kToken[] = "abcdef.0123456789abcdef";

// Signs for whoever has the token.
class FakeCoordinator final : public session::v1::AgentSession::Service {
 public:
  explicit FakeCoordinator(WallTime now) : now_(now) {
    ca = pki::MakeCa("fleet", now, hours(1000)).value();
    pki::KeyAndCertificate server =
        pki::MakeServerCertificate(ca, {"127.0.0.1"}, now, hours(1000)).value();
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort(
        "127.0.0.1:0",
        pki::MakeServerCredentials(
            {ca.certificate_pem, server.certificate_pem + ca.certificate_pem, server.key_pem}),
        &port);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
    address = absl::StrCat("127.0.0.1:", port);
  }

  grpc::Status Enrol(grpc::ServerContext*, const session::v1::EnrolRequest* request,
                     session::v1::EnrolResponse* response) override {
    last = *request;
    ++calls;
    if (request->token() != kToken) {
      return {grpc::StatusCode::UNAUTHENTICATED, "the token is unknown"};
    }
    const std::string name = answer_name.empty() ? request->node_name() : answer_name;
    response->set_certificate_pem(pki::SignClientRequest(signer ? *signer : ca, request->csr_pem(),
                                                         pki::NodeCommonName(name),
                                                         pki::kNodeOrganization, now_, hours(500))
                                      .value());
    response->set_ca_pem(ca.certificate_pem);
    return grpc::Status::OK;
  }

  pki::KeyAndCertificate ca;
  std::string address;
  std::optional<pki::KeyAndCertificate> signer;
  std::string answer_name;
  session::v1::EnrolRequest last;
  int calls = 0;

 private:
  const WallTime now_;
  std::unique_ptr<grpc::Server> server_;
};

class JoinTest : public ::testing::Test {
 protected:
  JoinOptions Options() {
    JoinOptions options;
    options.flags.coordinator = coordinator_.address;
    options.flags.token = kToken;
    options.flags.ca_hash = pki::PublicKeyHash(coordinator_.ca.certificate_pem).value();
    options.flags.node_name = "n1";
    options.config_path = dir_ / "etc/agent.yaml";
    options.state_dir = dir_ / "state";
    return options;
  }
  std::string Config() { return ReadFile(dir_ / "etc/agent.yaml").value_or("none"); }
  std::string Key() { return ReadFile(dir_ / "state/pki/node.key").value_or("none"); }
  void ExpectNothingIsThere() {
    EXPECT_EQ(Config(), "none");
    EXPECT_TRUE(absl::IsNotFound(LoadNodeIdentity(dir_ / "state").status()));
  }

  SystemClock clock_;
  FakeCoordinator coordinator_{clock_.Wall()};
  TempDir dir_;
};

TEST_F(JoinTest, TheHostIsANodeAfterwards) {
  JoinOptions options = Options();
  options.flags.labels = {"tier=web"};
  options.flags.taints = {"dedicated=gpu:NoExecute"};
  const auto joined = Join(options, clock_);
  ASSERT_TRUE(joined.ok()) << joined.status();
  EXPECT_EQ(joined->node_name, "n1");
  EXPECT_GT(joined->certificate_ends, clock_.Wall() + hours(499));

  const auto identity = LoadNodeIdentity(options.state_dir);
  ASSERT_TRUE(identity.ok()) << identity.status();
  EXPECT_EQ(identity->node_name, "n1");
  EXPECT_EQ(identity->ca_pem, coordinator_.ca.certificate_pem);
  EXPECT_EQ(Config(), absl::StrCat("coordinator: \"", coordinator_.address,
                                   "\"\nnodeName: \"n1\"\nstateDir: \"", dir_ / "state", "\"\n"));
  struct stat info;
  ASSERT_EQ(::stat((dir_ / "state/pki/node.key").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);

  EXPECT_EQ(coordinator_.last.labels().at("tier"), "web");
  EXPECT_EQ(coordinator_.last.labels().at("kubernetes.io/os"), "linux");
  ASSERT_EQ(coordinator_.last.taints_size(), 1);
  EXPECT_EQ(coordinator_.last.taints(0).value(), "gpu");
}

TEST_F(JoinTest, AgainItIsTheSameNodeAndOtherSettingsStay) {
  ASSERT_TRUE(Join(Options(), clock_).ok());
  const std::string key = Key();
  const std::string config = "# Ours.\nlog: debug\n" + Config();
  ASSERT_TRUE(WriteFileAtomically(dir_ / "etc/agent.yaml", config, 0640).ok());
  const auto again = Join(Options(), clock_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(Key(), key);
  EXPECT_EQ(Config(), config);
  struct stat info;
  ASSERT_EQ(::stat((dir_ / "etc/agent.yaml").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0640U);
  EXPECT_EQ(coordinator_.calls, 2);
}

TEST_F(JoinTest, WhatARunThatWasKilledLeftIsGoneOnFrom) {
  // Killed after the key was made: the same key asks again.
  JoinOptions options = Options();
  options.flags.token = "abcdef.wrong";
  EXPECT_FALSE(Join(options, clock_).ok());
  const std::string key = Key();
  EXPECT_THAT(key, HasSubstr("PRIVATE KEY"));
  ASSERT_TRUE(Join(Options(), clock_).ok());
  EXPECT_EQ(Key(), key);
  // Killed before the settings were written.
  std::filesystem::remove(dir_ / "etc/agent.yaml");
  std::filesystem::remove(dir_ / "state/pki/node.crt");
  ASSERT_TRUE(Join(Options(), clock_).ok());
  EXPECT_TRUE(LoadNodeIdentity(dir_ / "state").ok());
  EXPECT_THAT(Config(), HasSubstr("nodeName: \"n1\""));
}

TEST_F(JoinTest, AWrongTokenIsSaidToBe) {
  JoinOptions options = Options();
  options.flags.token = "abcdef.wrong";
  const absl::Status refused = Join(options, clock_).status();
  EXPECT_TRUE(absl::IsUnauthenticated(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("the token is unknown"));
  ExpectNothingIsThere();
}

TEST_F(JoinTest, AnotherCaIsNotTalkedTo) {
  JoinOptions options = Options();
  options.flags.ca_hash = "sha256:" + std::string(64, 'a');
  const absl::Status refused = Join(options, clock_).status();
  EXPECT_TRUE(absl::IsPermissionDenied(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("--ca-hash"));
  EXPECT_EQ(coordinator_.calls, 0);  // The token was not shown to it.
  ExpectNothingIsThere();
}

TEST_F(JoinTest, ADifferentClockIsSaidToBe) {
  ManualClock behind(clock_.Wall() - hours(24));
  const absl::Status early = Join(Options(), behind).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(early)) << early;
  EXPECT_THAT(std::string(early.message()), HasSubstr("clock of this host"));
  ManualClock ahead(clock_.Wall() + hours(2000));
  const absl::Status late = Join(Options(), ahead).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(late)) << late;
  EXPECT_THAT(std::string(late.message()), HasSubstr("expired"));
  EXPECT_EQ(coordinator_.calls, 0);
  ExpectNothingIsThere();
}

TEST_F(JoinTest, ACoordinatorThatIsNotThereIsSaidNotToBe) {
  JoinOptions options = Options();
  options.flags.coordinator = "127.0.0.1:1";
  const absl::Status refused = Join(options, clock_).status();
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  EXPECT_THAT(std::string(refused.message()), HasSubstr("127.0.0.1:1"));
  ExpectNothingIsThere();
}

TEST_F(JoinTest, ACoordinatorThatSaysNothingIsNotWaitedForForEver) {
  // Accepts and is silent: the kernel does so for a socket that listens.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  ASSERT_EQ(::bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listener, 1), 0);
  socklen_t length = sizeof address;
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &length);
  JoinOptions options = Options();
  options.flags.coordinator = absl::StrCat("127.0.0.1:", ntohs(address.sin_port));
  options.timeout = std::chrono::milliseconds(50);
  const absl::Status refused = Join(options, clock_).status();
  EXPECT_TRUE(absl::IsUnavailable(refused)) << refused;
  ::close(listener);
}

TEST_F(JoinTest, SettingsThatCannotBeWrittenAreFoundBeforeTheTokenIsUsed) {
  ASSERT_TRUE(MakeDirectories(dir_ / "etc", 0755).ok());
  ASSERT_TRUE(WriteFileAtomically(dir_ / "etc/agent.yaml", "nodeName: [a]\n", 0644).ok());
  const absl::Status refused = Join(Options(), clock_).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_EQ(coordinator_.calls, 0);
  EXPECT_EQ(Config(), "nodeName: [a]\n");
}

TEST_F(JoinTest, AnAnswerThatIsNotForUsIsNotTaken) {
  coordinator_.answer_name = "n2";
  EXPECT_FALSE(Join(Options(), clock_).ok());
  coordinator_.answer_name.clear();
  coordinator_.signer = pki::MakeCa("other", clock_.Wall(), hours(1000)).value();
  EXPECT_FALSE(Join(Options(), clock_).ok());
  ExpectNothingIsThere();
}

TEST_F(JoinTest, ADamagedKeyIsNotReplacedSilently) {
  ASSERT_TRUE(MakeDirectories(dir_ / "state/pki", 0700).ok());
  ASSERT_TRUE(WriteFileAtomically(dir_ / "state/pki/node.key", "rubbish", 0600).ok());
  const absl::Status refused = Join(Options(), clock_).status();
  EXPECT_FALSE(refused.ok());
  EXPECT_THAT(std::string(refused.message()), HasSubstr("node.key"));
  EXPECT_EQ(Key(), "rubbish");
}

}  // namespace
}  // namespace muster::agent
