#include "coordinator/services/slices.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/coordinator/services/fixtures.h"

namespace muster::coordinator {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

EndpointFacts Place(int number, const std::vector<int>& ports = {80}) {
  EndpointFacts facts;
  facts.pod = absl::StrCat("p", number);
  facts.uid = absl::StrCat("uid-", number);
  facts.node = absl::StrCat("n", number);
  facts.addresses = {absl::StrCat("10.0.", number / 250, ".", number % 250 + 1)};
  facts.ready = facts.serving = true;
  facts.ports = ports;
  return facts;
}

// Slices as the store holds them, which plans are carried out on.
class World {
 public:
  explicit World(v1::Service service) : service_(std::move(service)) {}

  SlicePlan Apply(const std::vector<EndpointFacts>& places) {
    std::vector<const v1::EndpointSlice*> existing;
    for (const auto& [name, slice] : slices_) existing.push_back(&slice);
    SlicePlan plan = PlanSlices(service_, places, existing, dice_);
    for (const auto* list : {&plan.create, &plan.update}) {
      for (const v1::EndpointSlice& slice : *list) slices_[slice.metadata().name()] = slice;
    }
    for (const v1::EndpointSlice& slice : plan.remove) slices_.erase(slice.metadata().name());
    return plan;
  }

  // Every place once, with what is said of it; no slice over its size.
  void ExpectHolds(const std::vector<EndpointFacts>& places) {
    std::set<std::string> wanted, held;
    for (const EndpointFacts& place : places) {
      wanted.insert(absl::StrCat(place.pod, " ", place.addresses[0], " ", place.ready, " ",
                                 absl::StrJoin(place.ports, ",")));
    }
    for (const auto& [name, slice] : slices_) {
      EXPECT_LE(slice.endpoints_size(), 100);
      std::vector<int> ports;
      for (const auto& port : slice.ports()) ports.push_back(port.port());
      for (const v1::Endpoint& endpoint : slice.endpoints()) {
        EXPECT_TRUE(
            held.insert(absl::StrCat(endpoint.target_ref().name(), " ", endpoint.addresses(0), " ",
                                     endpoint.conditions().ready(), " ", absl::StrJoin(ports, ",")))
                .second);
      }
    }
    EXPECT_EQ(held, wanted);
  }

  std::map<std::string, v1::EndpointSlice> slices_;
  v1::Service service_;

 private:
  const RandomBits dice_ = Dice(5);
};

v1::Service Web() { return ServiceWith("web", "{selector: {app: web}, ports: [{port: 80}]}"); }

TEST(PlanSlices, AServiceWithoutPlacesHasAnEmptySlice) {
  World world(Web());
  ASSERT_EQ(world.Apply({}).create.size(), 1u);
  const v1::EndpointSlice& slice = world.slices_.begin()->second;
  EXPECT_THAT(slice.metadata().name(), StartsWith("web-"));
  EXPECT_EQ(slice.address_type(), "IPv4");
  EXPECT_TRUE(slice.ports().empty());
  EXPECT_TRUE(slice.endpoints().empty());
  EXPECT_TRUE(world.Apply({}).empty());
  // It is replaced by one with ports.
  const SlicePlan plan = world.Apply({Place(1)});
  EXPECT_EQ(plan.create.size(), 1u);
  EXPECT_EQ(plan.remove.size(), 1u);
  world.ExpectHolds({Place(1)});
  world.Apply({});
  EXPECT_EQ(world.slices_.size(), 1u);
}

TEST(PlanSlices, WhatASliceSays) {
  v1::Service service = ServiceWith(
      "web",
      "{clusterIP: None, selector: {app: web}, ports: [{name: http, port: 80, appProtocol: "
      "h2c}]}");
  (*service.mutable_metadata()->mutable_labels())["team"] = "a";
  World world(service);
  EndpointFacts place = Place(1, {8080});
  place.hostname = "host";
  place.terminating = true;
  place.ready = false;
  world.Apply({place});
  const v1::EndpointSlice& slice = world.slices_.begin()->second;
  const auto& labels = slice.metadata().labels();
  EXPECT_EQ(labels.at("kubernetes.io/service-name"), "web");
  EXPECT_EQ(labels.at("team"), "a");
  EXPECT_TRUE(labels.contains("service.kubernetes.io/headless"));
  ASSERT_EQ(slice.metadata().owner_references_size(), 1);
  EXPECT_EQ(slice.metadata().owner_references(0).uid(), "uid-of-web");
  EXPECT_EQ(slice.ports(0).name(), "http");
  EXPECT_EQ(slice.ports(0).port(), 8080);
  EXPECT_EQ(slice.ports(0).app_protocol(), "h2c");
  const v1::Endpoint& endpoint = slice.endpoints(0);
  EXPECT_EQ(endpoint.hostname(), "host");
  EXPECT_EQ(endpoint.node_name(), "n1");
  EXPECT_EQ(endpoint.target_ref().uid(), "uid-1");
  EXPECT_FALSE(endpoint.conditions().ready());
  EXPECT_TRUE(endpoint.conditions().serving());
  EXPECT_TRUE(endpoint.conditions().terminating());
}

TEST(PlanSlices, AChangeOfOnePodChangesOneSlice) {
  World world(Web());
  std::vector<EndpointFacts> places;
  for (int i = 0; i < 250; ++i) places.push_back(Place(i));
  EXPECT_EQ(world.Apply(places).create.size(), 3u);
  world.ExpectHolds(places);
  EXPECT_TRUE(world.Apply(places).empty());

  places[120].ready = false;
  SlicePlan plan = world.Apply(places);
  EXPECT_EQ(plan.update.size(), 1u);
  EXPECT_TRUE(plan.create.empty() && plan.remove.empty());
  world.ExpectHolds(places);

  places[7].addresses = {"10.9.9.9"};
  EXPECT_EQ(world.Apply(places).update.size(), 1u);
  world.ExpectHolds(places);

  places.push_back(Place(300));
  plan = world.Apply(places);
  EXPECT_EQ(plan.update.size(), 1u);
  EXPECT_TRUE(plan.create.empty());
  world.ExpectHolds(places);
}

TEST(PlanSlices, PodsWithOtherPortsAreInOtherSlices) {
  World world(ServiceWith("web",
                          "{selector: {app: web}, ports: [{name: a, port: 80, targetPort: "
                          "one}, {name: b, port: 81, targetPort: two}]}"));
  EndpointFacts old_one = Place(1, {8080, 8081}), new_one = Place(2, {9090, 8081}),
                lacks_one = Place(3, {8080, 0});
  world.Apply({old_one, new_one, lacks_one});
  std::set<std::string> ports;
  for (const auto& [name, slice] : world.slices_) {
    std::vector<std::string> its;
    for (const auto& port : slice.ports()) its.push_back(absl::StrCat(port.name(), port.port()));
    ports.insert(absl::StrJoin(its, ","));
  }
  EXPECT_THAT(ports, ElementsAre("a8080", "a8080,b8081", "a9090,b8081"));
  // The rollout is over.
  for (EndpointFacts* place : {&old_one, &lacks_one}) place->ports = {9090, 8081};
  world.Apply({old_one, new_one, lacks_one});
  EXPECT_EQ(world.slices_.size(), 1u);
  world.ExpectHolds({old_one, new_one, lacks_one});
}

TEST(PlanSlices, EachFamilyHasItsOwn) {
  v1::Service service = Web();
  service.mutable_spec()->add_ip_families("IPv4");
  service.mutable_spec()->add_ip_families("IPv6");
  World world(service);
  EndpointFacts both = Place(1), only4 = Place(2);
  both.addresses.push_back("fd00::1");
  world.Apply({both, only4});
  std::map<std::string, int> counts;
  for (const auto& [name, slice] : world.slices_) {
    counts[slice.address_type()] += slice.endpoints_size();
  }
  EXPECT_EQ(counts, (std::map<std::string, int>{{"IPv4", 2}, {"IPv6", 1}}));
}

// Random worlds: the slices always say what is so, with few writes.
TEST(PlanSlices, AnyHistoryEndsInTheTruth) {
  const RandomBits dice = Dice(11);
  World world(Web());
  std::map<int, EndpointFacts> there;
  for (int step = 0; step < 300; ++step) {
    const int changes = 1 + static_cast<int>(dice() % 20);
    for (int i = 0; i < changes; ++i) {
      const int number = static_cast<int>(dice() % 400);
      switch (dice() % 4) {
        case 0:
          there.erase(number);
          break;
        case 1:
          there[number] = Place(number);
          break;
        case 2:
          there[number] = Place(number, {8080});
          break;
        default:
          if (there.contains(number)) there[number].ready = !there[number].ready;
      }
    }
    std::vector<EndpointFacts> places;
    for (const auto& [number, place] : there) places.push_back(place);
    const SlicePlan plan = world.Apply(places);
    world.ExpectHolds(places);
    ASSERT_TRUE(world.Apply(places).empty()) << step;
    EXPECT_LE(plan.create.size() + plan.update.size() + plan.remove.size(),
              static_cast<size_t>(changes) * 2 + 2);
  }
}

TEST(MakeEndpoints, ReadyAndNotWithoutThoseThatGo) {
  const v1::Service service = ServiceWith(
      "web",
      "{selector: {app: web}, ports: [{name: a, port: 80}, {name: b, port: 81, protocol: "
      "UDP}]}");
  EndpointFacts ready = Place(2, {80, 81}), unready = Place(1, {80, 81}),
                going = Place(3, {80, 81});
  unready.ready = unready.serving = false;
  going.ready = false;
  going.terminating = true;
  const v1::Endpoints endpoints = MakeEndpoints(service, {unready, ready, going});
  EXPECT_TRUE(IsOurs(endpoints));
  ASSERT_EQ(endpoints.subsets_size(), 1);
  const v1::EndpointSubset& subset = endpoints.subsets(0);
  ASSERT_EQ(subset.addresses_size(), 1);
  EXPECT_EQ(subset.addresses(0).ip(), "10.0.0.3");
  EXPECT_EQ(subset.addresses(0).target_ref().name(), "p2");
  ASSERT_EQ(subset.not_ready_addresses_size(), 1);
  ASSERT_EQ(subset.ports_size(), 2);
  EXPECT_EQ(subset.ports(1).protocol(), "UDP");
  EXPECT_TRUE(MakeEndpoints(service, {}).subsets().empty());
  EXPECT_FALSE(IsOurs(v1::Endpoints()));
}

TEST(MakeEndpoints, AThousandAtMost) {
  std::vector<EndpointFacts> places;
  for (int i = 0; i < 1001; ++i) places.push_back(Place(i));
  const v1::Endpoints endpoints = MakeEndpoints(Web(), places);
  EXPECT_EQ(endpoints.subsets(0).addresses_size(), 1000);
  EXPECT_EQ(endpoints.metadata().annotations().at("endpoints.kubernetes.io/over-capacity"),
            "truncated");
}

}  // namespace
}  // namespace muster::coordinator
