#include "ctl/output/sort.h"

#include "common/model/kinds.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace muster::ctl {
namespace {

using ::testing::ElementsAre;

std::vector<v1::Object> Nodes(const std::vector<std::string>& cpus) {
  std::vector<v1::Object> nodes;
  for (const std::string& cpu : cpus) {
    v1::Object node = model::NewObject(*model::FindResource("nodes"));
    if (!cpu.empty())
      (*node.mutable_node()->mutable_status()->mutable_capacity())["cpu"].set_text(cpu);
    nodes.push_back(node);
  }
  return nodes;
}

std::vector<size_t> Order(const std::vector<std::string>& cpus) {
  const std::vector<v1::Object> nodes = Nodes(cpus);
  const auto order = SortedOrder(".status.capacity.cpu", nodes);
  EXPECT_TRUE(order.ok()) << order.status();
  return order.ok() ? *order : std::vector<size_t>();
}

TEST(SortedOrder, QuantitiesGoByAmountAndWhatHasNoneComesFirst) {
  EXPECT_THAT(Order({"2", "1500m", "", "1Ki"}), ElementsAre(2, 1, 0, 3));
}

TEST(SortedOrder, AmongTextsAQuantityIsAText) {
  // "1Ki" < "1Kz" < "2" as texts, though 2 < 1Ki as amounts: one order for all.
  EXPECT_THAT(Order({"2", "1Kz", "1Ki"}), ElementsAre(2, 1, 0));
}

TEST(SortedOrder, EqualOnesStayAsTheyAre) {
  EXPECT_THAT(Order({"1000m", "1", "500m", "1"}), ElementsAre(2, 0, 1, 3));
}

TEST(SortedOrder, AFieldThatNothingHasIsAMistake) {
  const std::vector<v1::Object> nodes = Nodes({"1"});
  EXPECT_FALSE(SortedOrder(".status.nosuch", nodes).ok());
  EXPECT_FALSE(SortedOrder("{.status", nodes).ok());
  EXPECT_TRUE(SortedOrder(".status.nosuch", {}).ok());
}

TEST(NaturallyLess, NumbersInsideOfTextsGoByValue) {
  EXPECT_TRUE(NaturallyLess("node-2", "node-10"));
  EXPECT_FALSE(NaturallyLess("node-10", "node-2"));
  EXPECT_TRUE(NaturallyLess("a", "b"));
  EXPECT_TRUE(NaturallyLess("a", "a1"));
  EXPECT_TRUE(NaturallyLess("a1b9", "a1b10"));
  EXPECT_TRUE(NaturallyLess("99999999999999999999998", "99999999999999999999999"));
  EXPECT_FALSE(NaturallyLess("a", "a"));
  EXPECT_NE(NaturallyLess("a01", "a1"), NaturallyLess("a1", "a01")) << "different texts differ";
}

}  // namespace
}  // namespace muster::ctl
