#include "coordinator/placement/node_choice.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/placement/parse.h"

namespace muster::coordinator {
namespace {

using testing::IsEmpty;
using testing::Pair;
using testing::UnorderedElementsAre;

v1::Node NodeNamed(const std::string& name, const std::string& cpu = "4") {
  v1::Node node;
  node.mutable_metadata()->set_name(name);
  auto& allocatable = *node.mutable_status()->mutable_allocatable();
  allocatable["cpu"].set_text(cpu);
  allocatable["memory"].set_text("8Gi");
  allocatable["pods"].set_text("10");
  return node;
}

v1::PodSpec AskingCpu(const std::string& cpu) {
  return Parse<v1::PodSpec>(
      "containers { name: 'c' resources { requests { key: 'cpu' value { "
      "text: '" +
      cpu + "' } } } }");
}

PodFootprint Footprint(const v1::PodSpec& spec) {
  v1::Pod pod;
  *pod.mutable_spec() = spec;
  return FootprintOf(pod);
}

NodeChoice Choose(const v1::PodSpec& pod, const std::vector<v1::Node>& nodes,
                  const std::vector<NodeLoad>& loads) {
  std::vector<NodeCandidate> candidates;
  for (size_t i = 0; i < nodes.size(); ++i) candidates.push_back({&nodes[i], &loads[i]});
  return ChooseNode(pod, Footprint(pod), candidates);
}

TEST(Hindrance, IsWhatRoomCannotMend) {
  v1::Node node = NodeNamed("a");
  EXPECT_THAT(Hindrance(v1::PodSpec(), node), IsEmpty());
  (*node.mutable_metadata()->mutable_labels())["zone"] = "1";
  v1::PodSpec picky;
  (*picky.mutable_node_selector())["zone"] = "2";
  EXPECT_EQ(Hindrance(picky, node), "node(s) didn't match Pod's node affinity/selector");
  const v1::PodSpec named = Parse<v1::PodSpec>(
      "affinity { node_affinity { required_during_scheduling_ignored_during_execution { "
      "node_selector_terms { match_fields { key: 'metadata.name' operator: 'In' values: 'b' } } } "
      "} }");
  EXPECT_EQ(Hindrance(named, node), "node(s) didn't match Pod's node affinity/selector");
  EXPECT_THAT(Hindrance(named, NodeNamed("b")), IsEmpty());
  v1::Taint& taint = *node.mutable_spec()->add_taints();
  taint.set_key("k");
  taint.set_value("v");
  for (const char* effect : {"NoSchedule", "NoExecute"}) {
    taint.set_effect(effect);
    EXPECT_EQ(Hindrance(v1::PodSpec(), node), "node(s) had untolerated taint {k: v}");
  }
  taint.set_effect("PreferNoSchedule");
  EXPECT_THAT(Hindrance(v1::PodSpec(), node), IsEmpty());
}

TEST(Hindrance, ACordonedNodeTakesOnlyWhoToleratesThat) {
  v1::Node node = NodeNamed("a");
  node.mutable_spec()->set_unschedulable(true);
  EXPECT_EQ(Hindrance(v1::PodSpec(), node), "node(s) were unschedulable");
  const v1::PodSpec daemon = Parse<v1::PodSpec>(
      "tolerations { key: 'node.kubernetes.io/unschedulable' operator: 'Exists' "
      "effect: 'NoSchedule' }");
  EXPECT_THAT(Hindrance(daemon, node), IsEmpty());
}

TEST(ChooseNode, TakesTheLeastLoadedThenTheFirstByName) {
  const std::vector<v1::Node> nodes = {NodeNamed("a"), NodeNamed("c"), NodeNamed("b")};
  std::vector<NodeLoad> loads(3);
  loads[0].Add(Footprint(AskingCpu("1")));
  EXPECT_EQ(Choose(AskingCpu("1"), nodes, loads).node->metadata().name(), "b");
  loads[2].Add(Footprint(v1::PodSpec()));  // No room taken, but one more pod.
  EXPECT_EQ(Choose(AskingCpu("1"), nodes, loads).node->metadata().name(), "c");
  // The same cpu is less of a larger node.
  const std::vector<v1::Node> sizes = {NodeNamed("a", "2"), NodeNamed("b", "8")};
  EXPECT_EQ(Choose(AskingCpu("1"), sizes, std::vector<NodeLoad>(2)).node->metadata().name(), "b");
}

// Spec: 10.1/texts
TEST(ChooseNode, SaysForEachReasonHowManyNodesItKeepsThePodFrom) {
  std::vector<v1::Node> nodes = {NodeNamed("a", "1"), NodeNamed("b", "1"), NodeNamed("c")};
  nodes[2].mutable_spec()->set_unschedulable(true);
  const NodeChoice choice = Choose(AskingCpu("2"), nodes, std::vector<NodeLoad>(3));
  EXPECT_EQ(choice.node, nullptr);
  EXPECT_THAT(choice.reasons, UnorderedElementsAre(Pair("Insufficient cpu", 2),
                                                   Pair("node(s) were unschedulable", 1)));
  EXPECT_EQ(choice.crowded.size(), 2u);
  EXPECT_EQ(UnschedulableMessage(choice.reasons, 3),
            "0/3 nodes are available: 1 node(s) were unschedulable, 2 Insufficient cpu.");
  EXPECT_EQ(UnschedulableMessage(std::map<std::string, int>(), 0), "0/0 nodes are available.");
}

}  // namespace
}  // namespace muster::coordinator
