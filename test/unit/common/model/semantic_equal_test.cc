#include "common/model/semantic_equal.h"

#include "gtest/gtest.h"
#include "muster/v1/workload.pb.h"

namespace muster::model {
namespace {

v1::ResourceRequirements Cpu(const char* text) {
  v1::ResourceRequirements resources;
  (*resources.mutable_limits())["cpu"].set_text(text);
  return resources;
}

TEST(SemanticallyEqual, ComparesQuantitiesByValue) {
  EXPECT_TRUE(SemanticallyEqual(Cpu("1000m"), Cpu("1")));
  EXPECT_TRUE(SemanticallyEqual(Cpu("1Gi"), Cpu("1073741824")));
  EXPECT_TRUE(SemanticallyEqual(Cpu("0.5"), Cpu("500m")));
  EXPECT_TRUE(SemanticallyEqual(Cpu("1e3"), Cpu("1k")));
  EXPECT_TRUE(SemanticallyEqual(Cpu("1m"), Cpu("1e-3")));
  EXPECT_TRUE(SemanticallyEqual(Cpu("1.5Ki"), Cpu("1536")));
  EXPECT_FALSE(SemanticallyEqual(Cpu("1001m"), Cpu("1")));
  EXPECT_FALSE(SemanticallyEqual(Cpu("1500m"), Cpu("1501m")));
  // Where thousandths no longer fit 64 bits.
  EXPECT_TRUE(SemanticallyEqual(Cpu("10Pi"), Cpu("11258999068426240")));
  EXPECT_FALSE(SemanticallyEqual(Cpu("5E"), Cpu("6E")));
}

TEST(SemanticallyEqual, TellsAnEmptyObjectFromNone) {
  v1::Volume none;
  v1::Volume empty;
  empty.mutable_empty_dir();
  EXPECT_FALSE(SemanticallyEqual(none, empty));
}

TEST(SemanticallyEqual, TellsAZeroPointerFromNone) {
  v1::DaemonSetSpec none;
  v1::DaemonSetSpec zero;
  zero.set_revision_history_limit(0);
  EXPECT_FALSE(SemanticallyEqual(none, zero));
  zero.clear_revision_history_limit();
  zero.set_min_ready_seconds(0);
  EXPECT_TRUE(SemanticallyEqual(none, zero));
}

TEST(SemanticallyEqual, OrderCountsInListsAndNotInMaps) {
  v1::PodSpec a;
  v1::PodSpec b;
  (*a.mutable_node_selector())["x"] = "1";
  (*a.mutable_node_selector())["y"] = "2";
  (*b.mutable_node_selector())["y"] = "2";
  (*b.mutable_node_selector())["x"] = "1";
  EXPECT_TRUE(SemanticallyEqual(a, b));
  a.add_containers()->set_name("one");
  a.add_containers()->set_name("two");
  b.add_containers()->set_name("two");
  b.add_containers()->set_name("one");
  EXPECT_FALSE(SemanticallyEqual(a, b));
}

}  // namespace
}  // namespace muster::model
