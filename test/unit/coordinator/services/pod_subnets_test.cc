#include "coordinator/services/pod_subnets.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

v1::Node NodeWith(const std::vector<std::string>& subnets) {
  v1::Node node;
  for (const std::string& subnet : subnets) node.mutable_spec()->add_pod_cidrs(subnet);
  return node;
}

TEST(ParsePodRanges, OneOfEachFamily) {
  const auto ranges = ParsePodRanges("10.244.0.0/16, fd00:244::/56", 24, 64);
  ASSERT_TRUE(ranges.ok()) << ranges.status();
  ASSERT_EQ(ranges->clusters.size(), 2u);
  EXPECT_EQ(ToText(ranges->clusters[1]), "fd00:244::/56");
  EXPECT_THAT(ParsePodRanges("", 24, 64)->clusters, IsEmpty());
}

TEST(ParsePodRanges, SaysWhatIsWrong) {
  const struct {
    const char* text;
    int v4, v6;
    const char* said;
  } rows[] = {
      {"10.244.0.0", 24, 64, "\"10.244.0.0\" is no range"},
      {"10.244.0.0/24", 23, 64, "/23 has to be within 10.244.0.0/24"},
      {"10.0.0.0/8", 25, 64, "at most 16 bits longer"},
      {"fd00::/48", 24, 65, "at most 16 bits longer"},
      {"10.244.0.0/24", 31, 64, "at most /30"},
      {"fd00::/112", 24, 127, "at most /126"},
      {"10.1.0.0/16,10.2.0.0/16", 24, 64, "one range of each family"},
      {"10.1.0.0/16,fd00::/56,fd01::/56", 24, 64, "one range of each family"},
  };
  for (const auto& row : rows) {
    const auto ranges = ParsePodRanges(row.text, row.v4, row.v6);
    EXPECT_EQ(ranges.status().code(), absl::StatusCode::kInvalidArgument) << row.text;
    EXPECT_THAT(ranges.status().message(), HasSubstr(row.said)) << row.text;
  }
}

TEST(TakenPodSubnets, GivesTheLowestThatAreFree) {
  TakenPodSubnets taken(*ParsePodRanges("10.244.0.0/16,fd00:244::/56", 24, 64));
  taken.Add(NodeWith({"10.244.0.0/24", "fd00:244::/64"}));
  taken.Add(NodeWith({"10.244.2.0/24"}));
  taken.Add(NodeWith({"192.0.2.0/24"}));
  // Of before the settings changed: it covers .4 to .7.
  taken.Add(NodeWith({"10.244.4.0/22"}));
  std::vector<std::string> given;
  for (int i = 0; i < 3; ++i) {
    v1::Node node;
    ASSERT_TRUE(taken.Give(node));
    EXPECT_EQ(node.spec().pod_cidr(), node.spec().pod_cidrs(0));
    given.insert(given.end(), node.spec().pod_cidrs().begin(), node.spec().pod_cidrs().end());
  }
  EXPECT_THAT(given, ElementsAre("10.244.1.0/24", "fd00:244:0:1::/64", "10.244.3.0/24",
                                 "fd00:244:0:2::/64", "10.244.8.0/24", "fd00:244:0:3::/64"));
}

TEST(TakenPodSubnets, GivesNothingWhenOneIsFull) {
  TakenPodSubnets taken(*ParsePodRanges("10.244.0.0/23,fd00:244::/56", 24, 64));
  v1::Node nodes[3];
  EXPECT_TRUE(taken.Give(nodes[0]));
  EXPECT_TRUE(taken.Give(nodes[1]));
  EXPECT_FALSE(taken.Give(nodes[2]));
  EXPECT_THAT(nodes[2].spec().pod_cidrs(), IsEmpty());
  EXPECT_FALSE(TakenPodSubnets(PodRanges()).Give(nodes[2]));
}

TEST(NeedsPodSubnets, OfAnAgentThatKeepsTheNetworkItself) {
  v1::Node node;
  EXPECT_FALSE(NeedsPodSubnets(node));
  node.mutable_status()->add_declared_features("MusterBridgeNetwork");
  EXPECT_TRUE(NeedsPodSubnets(node));
  node.mutable_spec()->set_pod_cidr("10.244.0.0/24");
  EXPECT_FALSE(NeedsPodSubnets(node));
}

}  // namespace
}  // namespace muster::coordinator
