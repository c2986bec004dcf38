#include "agent/enrol/join_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster::agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

JoinFlags Flags() {
  JoinFlags flags;
  flags.coordinator = "10.0.0.1:7440";
  flags.token = "abcdef.0123456789abcdef";
  flags.ca_hash = "sha256:" + std::string(64, 'a');
  return flags;
}

TEST(MakeJoinRequest, TakesTheHostsNameAndArchitecture) {
  const JoinRequest request = MakeJoinRequest(Flags(), "Node-1.Example", "x86_64").value();
  EXPECT_EQ(request.node_name, "node-1.example");
  EXPECT_THAT(request.labels, UnorderedElementsAre(Pair("kubernetes.io/os", "linux"),
                                                   Pair("kubernetes.io/arch", "amd64")));
}

TEST(MakeJoinRequest, TakesWhatIsGivenBefore) {
  JoinFlags flags = Flags();
  flags.node_name = "n1";
  flags.labels = {"tier=web", "empty=", "kubernetes.io/arch=special", "a.b/c=d"};
  flags.taints = {"dedicated=gpu:NoExecute", "quiet:PreferNoSchedule", "x=:NoSchedule"};
  const JoinRequest request = MakeJoinRequest(flags, "ignored", "aarch64").value();
  EXPECT_EQ(request.node_name, "n1");
  EXPECT_THAT(
      request.labels,
      UnorderedElementsAre(Pair("kubernetes.io/os", "linux"), Pair("kubernetes.io/arch", "special"),
                           Pair("tier", "web"), Pair("empty", ""), Pair("a.b/c", "d")));
  ASSERT_EQ(request.taints.size(), 3U);
  EXPECT_EQ(request.taints[0].key(), "dedicated");
  EXPECT_EQ(request.taints[0].value(), "gpu");
  EXPECT_EQ(request.taints[0].effect(), "NoExecute");
  EXPECT_EQ(request.taints[1].key(), "quiet");
  EXPECT_EQ(request.taints[1].value(), "");
  EXPECT_EQ(request.taints[2].key(), "x");
}

TEST(MakeJoinRequest, EveryWrongFlagIsNamed) {
  struct Case {
    std::function<void(JoinFlags&)> spoil;
    const char* message;
  };
  for (const Case& test : std::initializer_list<Case>{
           {[](auto& f) { f.coordinator = "10.0.0.1"; },
            "coordinator \"10.0.0.1\": expected HOST:"},
           {[](auto& f) { f.coordinator = ":7440"; }, "coordinator \":7440\""},
           {[](auto& f) { f.coordinator = "host:"; }, "coordinator \"host:\""},
           {[](auto& f) { f.token = "abcdef"; }, "--token: expected ID.SECRET"},
           {[](auto& f) { f.token = ".x"; }, "--token"},
           {[](auto& f) { f.token = "x."; }, "--token"},
           {[](auto& f) { f.ca_hash = ""; }, "--ca-hash \"\""},
           {[](auto& f) { f.ca_hash = std::string(64, 'a'); }, "--ca-hash"},
           {[](auto& f) { f.ca_hash = "sha256:" + std::string(63, 'a'); }, "--ca-hash"},
           {[](auto& f) { f.ca_hash = "sha256:" + std::string(64, 'g'); }, "--ca-hash"},
           {[](auto& f) { f.node_name = "Node_1"; }, "--node-name \"Node_1\""},
           {[](auto& f) { f.labels = {"tier"}; }, "--label \"tier\": expected KEY=VALUE"},
           {[](auto& f) { f.labels = {"a b=c"}; }, "--label \"a b=c\""},
           {[](auto& f) { f.labels = {"a=b c"}; }, "--label \"a=b c\""},
           {[](auto& f) {
              f.labels = {"a=b", "a=c"};
            },
            "the label a is given twice"},
           {[](auto& f) { f.taints = {"a=b"}; }, "--taint \"a=b\": expected KEY[=VALUE]:EFFECT"},
           {[](auto& f) { f.taints = {"a:Never"}; }, "--taint \"a:Never\""},
           {[](auto& f) { f.taints = {":NoExecute"}; }, "--taint \":NoExecute\""},
           {[](auto& f) { f.taints = {"a=b c:NoExecute"}; }, "--taint \"a=b c:NoExecute\""},
       }) {
    JoinFlags flags = Flags();
    test.spoil(flags);
    const auto refused = MakeJoinRequest(flags, "host", "x86_64");
    EXPECT_TRUE(absl::IsInvalidArgument(refused.status())) << test.message;
    EXPECT_THAT(std::string(refused.status().message()), HasSubstr(test.message));
  }
}

TEST(MakeJoinRequest, AHostNameThatCannotBeANodesIsSaidToBe) {
  const auto refused = MakeJoinRequest(Flags(), "my_host", "x86_64");
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("--node-name"));
}

TEST(MakeJoinRequest, TheSecretIsNotRepeated) {
  JoinFlags flags = Flags();
  flags.token = "secretsecret";
  EXPECT_THAT(std::string(MakeJoinRequest(flags, "h", "x86_64").status().message()),
              Not(HasSubstr("secretsecret")));
}

}  // namespace
}  // namespace muster::agent
