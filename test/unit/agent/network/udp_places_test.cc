#include "agent/network/udp_places.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

PodEndpoint At(const std::string& ip, int port) { return {*ParseIp(ip), port}; }

HostPortTable HostPort(int port, const std::string& to, std::vector<PodEndpoint> others = {},
                       const std::string& protocol = "udp") {
  return {{HostPortKey{false, protocol, std::nullopt, port}, {At(to, 53), "u", std::move(others)}}};
}

UdpPlaces Places(const std::vector<std::pair<const char*, bool>>& places) {
  TableWriter writer;
  network::v1::Service& service = writer.Service("dns", {"10.96.0.1"});
  TableWriter::Port(service, "dns", "UDP", 53, 30053);
  TableWriter::Port(service, "web", "TCP", 80);
  network::v1::Slice& slice = writer.Slice("dns", "dns", "UDP", 5353);
  for (const auto& [ip, ready] : places) TableWriter::Place(slice, ip, "n1", ready);
  return UdpPlacesOf(*writer.Table(), {});
}

TEST(UdpPlacesOf, ServicesNodePortsAndHostPorts) {
  const UdpPlaces services = Places({{"10.0.0.1", true}, {"10.0.0.2", false}});
  EXPECT_THAT(services.at_address.at(At("10.96.0.1", 53)), ElementsAre(At("10.0.0.1", 5353)));
  EXPECT_THAT(services.on_host.at({false, 30053}), ElementsAre(At("10.0.0.1", 5353)));
  EXPECT_EQ(services.at_address.size(), 1u) << "TCP has connections, and ends them itself";
  EXPECT_THAT(Places({}).at_address.at(At("10.96.0.1", 53)), IsEmpty());

  const UdpPlaces ports = UdpPlacesOf({}, HostPort(53, "10.0.0.1", {At("10.0.0.2", 53)}));
  EXPECT_THAT(ports.on_host.at({false, 53}), ElementsAre(At("10.0.0.1", 53), At("10.0.0.2", 53)));
  EXPECT_TRUE(UdpPlacesOf({}, HostPort(53, "10.0.0.1", {}, "tcp")).empty());
}

TEST(MayLeaveStaleFlows, OnlyWhenAPlaceIsGoneOrIsTheFirst) {
  const UdpPlaces none = Places({}), one = Places({{"10.0.0.1", true}}),
                  two = Places({{"10.0.0.1", true}, {"10.0.0.2", true}});
  EXPECT_FALSE(MayLeaveStaleFlows(one, one));
  EXPECT_FALSE(MayLeaveStaleFlows(one, two));
  EXPECT_TRUE(MayLeaveStaleFlows(two, one));
  EXPECT_TRUE(MayLeaveStaleFlows(none, one));
  EXPECT_TRUE(MayLeaveStaleFlows(one, none));
  EXPECT_FALSE(MayLeaveStaleFlows({}, none)) << "nobody could be led anywhere";
  EXPECT_TRUE(MayLeaveStaleFlows(one, {}));
}

TEST(IsStale, WhatIsLedElsewhereThanItShouldBe) {
  const UdpPlaces before = Places({{"10.0.0.1", true}, {"10.0.0.2", true}});
  UdpPlaces now = Places({{"10.0.0.2", true}});
  now.on_host[{false, 53}] = {At("10.0.0.2", 5353)};
  const std::set<PodEndpoint> gone = GoneUdpPlaces(before, now);
  EXPECT_THAT(gone, ElementsAre(At("10.0.0.1", 5353)));
  struct {
    const char* what;
    UdpFlow flow;
    bool to_host, stale;
  } const cases[] = {
      {"to what is gone", {At("10.96.0.1", 53), At("10.0.0.1", 5353)}, false, true},
      {"to what is there", {At("10.96.0.1", 53), At("10.0.0.2", 5353)}, false, false},
      {"translated by nobody", {At("10.96.0.1", 53), At("10.96.0.1", 53)}, false, true},
      {"by a node port", {At("192.0.2.1", 30053), At("10.0.0.1", 5353)}, true, true},
      {"by a host port", {At("192.0.2.1", 53), At("192.0.2.1", 53)}, true, true},
      {"to such a port elsewhere", {At("203.0.113.1", 53), At("203.0.113.1", 53)}, false, false},
      {"by a port that is gone too", {At("192.0.2.1", 99), At("10.0.0.1", 5353)}, true, true},
      {"straight to the pod", {At("10.0.0.1", 5353), At("10.0.0.1", 5353)}, false, false},
      {"of others", {At("192.0.2.1", 99), At("10.9.9.9", 99)}, true, false},
  };
  for (const auto& c : cases) EXPECT_EQ(IsStale(c.flow, c.to_host, now, gone), c.stale) << c.what;
}

}  // namespace
}  // namespace muster::agent
