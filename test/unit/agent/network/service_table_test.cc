#include "agent/network/service_table.h"

#include <string>

#include "agent/network/service_env.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(ServiceTable, UpdatesInParts) {
  ServiceTableBuilder builder;
  TableWriter writer;
  writer.Service("a");
  writer.update().set_full(true);
  EXPECT_EQ(builder.Take(writer.update()), nullptr);
  TableWriter second;
  TableWriter::Place(second.Slice("a", "", "TCP", 80), "10.0.0.1", "n1");
  second.update().set_complete(true);
  second.update().set_revision(7);
  const ServiceTable* table = builder.Take(second.update());
  ASSERT_NE(table, nullptr);
  EXPECT_EQ(table->revision(), 7);
  ASSERT_NE(table->Find("default", "a"), nullptr);
  EXPECT_EQ(table->Find("default", "b"), nullptr);
  EXPECT_TRUE(table->HasNamespace("default"));
  EXPECT_FALSE(table->HasNamespace("defaul"));
  ASSERT_EQ(table->PlacesOf("default", "a").size(), 1u);

  // What it says of itself makes the same one again.
  ServiceTableBuilder again;
  const network::v1::Update snapshot = table->Snapshot();
  const ServiceTable* copy = again.Take(snapshot);
  ASSERT_NE(copy, nullptr);
  EXPECT_EQ(copy->Snapshot().SerializeAsString(), snapshot.SerializeAsString());
}

TEST(ServiceTable, WhatIsTakenAway) {
  ServiceTableBuilder builder;
  TableWriter writer;
  writer.Service("a");
  writer.Service("b");
  TableWriter::Place(writer.Slice("a", "", "TCP", 80), "10.0.0.1", "n1");  // a-1
  TableWriter::Place(writer.Slice("a", "", "TCP", 81), "10.0.0.2", "n2");  // a-2
  writer.update().add_nodes()->set_name("n1");
  writer.update().set_complete(true);
  builder.Take(writer.update());

  network::v1::Update gone;
  gone.set_complete(true);
  gone.add_removed("endpointslices/default/a-1");
  gone.add_removed("services/default/b");
  gone.add_removed("services/default/never-there");
  const ServiceTable* table = builder.Take(gone);
  EXPECT_EQ(table->PlacesOf("default", "a").size(), 1u);
  EXPECT_EQ(table->Find("default", "b"), nullptr);

  network::v1::Update present;
  present.set_complete(true);
  present.set_only_present(true);
  present.add_present("services/default/a");
  table = builder.Take(present);
  EXPECT_NE(table->Find("default", "a"), nullptr);
  EXPECT_THAT(table->PlacesOf("default", "a"), IsEmpty());
  EXPECT_THAT(table->nodes(), IsEmpty());
}

TEST(ServiceTable, ASliceThatBecomesAnothersMoves) {
  ServiceTableBuilder builder;
  TableWriter writer;
  network::v1::Slice& slice = writer.Slice("a", "", "TCP", 80);
  TableWriter::Place(slice, "10.0.0.1", "n1");
  writer.update().set_complete(true);
  builder.Take(writer.update());
  slice.set_service("b");
  const ServiceTable* table = builder.Take(writer.update());
  EXPECT_THAT(table->PlacesOf("default", "a"), IsEmpty());
  EXPECT_EQ(table->PlacesOf("default", "b").size(), 1u);
}

TEST(ServiceTable, AddressesCountOnceAndBadOnesNot) {
  TableWriter writer;
  network::v1::Slice& slice = writer.Slice("a", "", "TCP", 80);
  TableWriter::Place(slice, "10.0.0.1", "n1");
  TableWriter::Place(slice, "10.0.0.1", "n1");
  slice.add_endpoints()->set_address("abc");
  EXPECT_EQ(writer.Table()->PlacesOf("default", "a").size(), 1u);
}

TEST(ServiceVariables, AsTheKubeletNamesThem) {
  TableWriter writer;
  network::v1::Service& web = writer.Service("my-web", {"10.96.0.7", "fd00::7"});
  TableWriter::Port(web, "http", "TCP", 80);
  TableWriter::Port(web, "dns-u", "UDP", 53);
  writer.Service("headless");
  network::v1::Service& other = writer.Service("elsewhere", {"10.96.0.8"});
  other.set_namespace_("other");
  TableWriter::Port(other, "", "TCP", 1);
  network::v1::Service& six = writer.Service("six", {"fd00::8"});
  TableWriter::Port(six, "", "TCP", 443);
  EXPECT_THAT(
      ServiceVariables(*writer.Table(), "default"),
      ElementsAre(
          Pair("MY_WEB_SERVICE_HOST", "10.96.0.7"), Pair("MY_WEB_SERVICE_PORT", "80"),
          Pair("MY_WEB_SERVICE_PORT_HTTP", "80"), Pair("MY_WEB_SERVICE_PORT_DNS_U", "53"),
          Pair("MY_WEB_PORT", "tcp://10.96.0.7:80"),
          Pair("MY_WEB_PORT_80_TCP", "tcp://10.96.0.7:80"), Pair("MY_WEB_PORT_80_TCP_PROTO", "tcp"),
          Pair("MY_WEB_PORT_80_TCP_PORT", "80"), Pair("MY_WEB_PORT_80_TCP_ADDR", "10.96.0.7"),
          Pair("MY_WEB_PORT_53_UDP", "udp://10.96.0.7:53"), Pair("MY_WEB_PORT_53_UDP_PROTO", "udp"),
          Pair("MY_WEB_PORT_53_UDP_PORT", "53"), Pair("MY_WEB_PORT_53_UDP_ADDR", "10.96.0.7"),
          Pair("SIX_SERVICE_HOST", "fd00::8"), Pair("SIX_SERVICE_PORT", "443"),
          Pair("SIX_PORT", "tcp://[fd00::8]:443"), Pair("SIX_PORT_443_TCP", "tcp://[fd00::8]:443"),
          Pair("SIX_PORT_443_TCP_PROTO", "tcp"), Pair("SIX_PORT_443_TCP_PORT", "443"),
          Pair("SIX_PORT_443_TCP_ADDR", "fd00::8")));
}

}  // namespace
}  // namespace muster::agent
