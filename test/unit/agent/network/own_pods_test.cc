#include "agent/network/own_pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

OwnPod At(const std::vector<std::string>& ips, bool ready = true, bool terminating = false) {
  OwnPod pod;
  for (const std::string& ip : ips) pod.addresses.push_back(*ParseIp(ip));
  pod.ready = ready;
  pod.terminating = terminating;
  return pod;
}

OwnPods Holding(const OwnPod& pod) { return {{{"default", "pod-on-n1"}, pod}}; }

// "10.0.0.1 ready serving" and so on, of all places of a Service.
std::vector<std::string> Places(const ServiceTable& table, const std::string& service = "web") {
  std::vector<std::string> texts;
  for (const ServicePlace& place : table.PlacesOf("default", service)) {
    std::string text = ToText(place.address);
    if (place.ready) text += " ready";
    if (place.serving) text += " serving";
    if (place.terminating) text += " going";
    texts.push_back(text);
  }
  return texts;
}

// A Service with one place on this node, n1, and one on n2; what the node itself knows of its own.
TEST(WithOwnPods, TheNodeKnowsItsOwnPodsBest) {
  const std::string other = "10.0.0.2 ready serving";
  const struct {
    const char* what;
    bool told_ready, told_going, publish;
    OwnPods pods;
    std::vector<std::string> places;
  } rows[] = {
      {"as told", true, false, false, Holding(At({"10.0.0.1"})), {"10.0.0.1 ready serving", other}},
      {"another address since a boot",
       true,
       false,
       false,
       Holding(At({"10.0.0.9"})),
       {"10.0.0.9 ready serving", other}},
      {"the one of the place's family",
       true,
       false,
       false,
       Holding(At({"fd00::9", "10.0.0.9"})),
       {"10.0.0.9 ready serving", other}},
      {"none of that family", true, false, false, Holding(At({"fd00::9"})), {other}},
      {"not up yet", true, false, false, Holding(At({}, false)), {other}},
      {"gone", true, false, false, {}, {other}},
      {"not ready any more",
       true,
       false,
       false,
       Holding(At({"10.0.0.1"}, false)),
       {"10.0.0.1", other}},
      {"ready by now",
       false,
       false,
       false,
       Holding(At({"10.0.0.1"})),
       {"10.0.0.1 ready serving", other}},
      {"published also when it is not ready",
       true,
       false,
       true,
       Holding(At({"10.0.0.1"}, false)),
       {"10.0.0.1 ready", other}},
      {"going",
       true,
       false,
       false,
       Holding(At({"10.0.0.1"}, true, true)),
       {"10.0.0.1 serving going", other}},
      {"that it goes the coordinator said first",
       false,
       true,
       false,
       Holding(At({"10.0.0.1"})),
       {"10.0.0.1 serving going", other}},
      {"of another namespace",
       true,
       false,
       false,
       {{{"x", "pod-on-n1"}, At({"10.0.0.9"})}},
       {other}},
  };
  for (const auto& row : rows) {
    TableWriter writer;
    writer.Service("web", {"10.96.0.1"}).set_publish_not_ready_addresses(row.publish);
    network::v1::Slice& slice = writer.Slice("web", "", "TCP", 80);
    network::v1::Endpoint& own = TableWriter::Place(slice, "10.0.0.1", "n1", row.told_ready);
    if (row.told_going) own.set_serving(true);
    own.set_terminating(row.told_going);
    TableWriter::Place(slice, "10.0.0.2", "n2");
    EXPECT_EQ(Places(*WithOwnPods(writer.Table(), "n1", row.pods)), row.places) << row.what;
  }
}

TEST(WithOwnPods, PodsOfOthersAndPlacesThatAreNoPodsStay) {
  TableWriter writer;
  writer.Service("web");
  network::v1::Slice& slice = writer.Slice("web", "", "TCP", 80);
  TableWriter::Place(slice, "192.0.2.1", "n1").clear_pod();
  TableWriter::Place(slice, "10.0.0.2", "n2");
  EXPECT_THAT(Places(*WithOwnPods(writer.Table(), "n1", {})),
              ElementsAre("192.0.2.1 ready serving", "10.0.0.2 ready serving"));
}

TEST(WithOwnPods, TwoPodsThatChangedTheirAddressesWithEachOther) {
  TableWriter writer;
  writer.Service("web");
  network::v1::Slice& slice = writer.Slice("web", "", "TCP", 80);
  TableWriter::Place(slice, "10.0.0.1", "n1").set_pod("a");
  TableWriter::Place(slice, "10.0.0.2", "n1").set_pod("b");
  const OwnPods pods = {{{"default", "a"}, At({"10.0.0.2"}, false)},
                        {{"default", "b"}, At({"10.0.0.1"})}};
  EXPECT_THAT(Places(*WithOwnPods(writer.Table(), "n1", pods)),
              ElementsAre("10.0.0.2", "10.0.0.1 ready serving"));
}

TEST(WithOwnPods, WhatDoesNotDifferStaysTheSameObject) {
  TableWriter writer;
  for (const char* name : {"a", "b"}) {
    writer.Service(name);
    TableWriter::Place(writer.Slice(name, "", "TCP", 80), "10.0.0.1", "n1").set_pod(name);
  }
  writer.update().set_revision(7);
  const std::shared_ptr<const ServiceTable> told = writer.Table();
  const OwnPods same = {{{"default", "a"}, At({"10.0.0.1"})}, {{"default", "b"}, At({"10.0.0.1"})}};
  EXPECT_EQ(WithOwnPods(told, "n1", same), told);
  EXPECT_EQ(WithOwnPods(told, "elsewhere", {}), told);

  const OwnPods one = {{{"default", "a"}, At({"10.0.0.9"})}, {{"default", "b"}, At({"10.0.0.1"})}};
  const std::shared_ptr<const ServiceTable> next = WithOwnPods(told, "n1", one);
  EXPECT_NE(next->SlicesOf("default/a"), told->SlicesOf("default/a"));
  EXPECT_EQ(next->SlicesOf("default/b"), told->SlicesOf("default/b"));
  EXPECT_EQ(next->revision(), 7);
  // It is as it was told that it is kept.
  EXPECT_THAT(Places(*told, "a"), ElementsAre("10.0.0.1 ready serving"));
  EXPECT_THAT(Places(*WithOwnPods(told, "n1", {}), "a"), IsEmpty());
}

}  // namespace
}  // namespace muster::agent
