#include "agent/dns/zone.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string Shown(const DnsRecord& record) {
  switch (record.type) {
    case RecordType::kA:
    case RecordType::kAaaa:
      return ToText(record.address);
    case RecordType::kSrv:
      return absl::StrCat(record.port, " ", record.text);
    default:
      return record.text;
  }
}

class ZoneTest : public testing::Test {
 protected:
  ZoneTest() {
    TableWriter::Port(writer_.Service("web", {"10.96.0.1", "fd00::1"}), "http", "TCP", 80);
    network::v1::Service& set = writer_.Service("set");
    TableWriter::Port(set, "http", "TCP", 80);
    network::v1::Slice& slice = writer_.Slice("set", "http", "TCP", 8080);
    TableWriter::Place(slice, "10.0.0.1", "node-1").set_hostname("One");
    TableWriter::Place(slice, "10.0.0.2", "node-2.example.com");
    TableWriter::Place(slice, "10.0.0.3", "node-3", false);
    TableWriter::Place(writer_.Slice("set", "http", "TCP", 8080), "fd01::1", "node-1");
    writer_.Service("empty");
    writer_.Service("db").set_external_name("DB.example.com.");
    writer_.Service("alias").set_external_name("web.default.svc.cluster.local");
    writer_.Service("ring-a").set_external_name("ring-b.default.svc.cluster.local");
    writer_.Service("ring-b").set_external_name("ring-a.default.svc.cluster.local");
    writer_.update().mutable_ranges()->add_services("10.96.0.0/16");
    zone_ = std::make_unique<DnsZone>(writer_.Table(), "cluster.local", "node-1");
  }
  // "none", "nxdomain", or what the records say.
  std::vector<std::string> Ask(const std::string& name, RecordType type, bool own_first = true) {
    const ZoneAnswer answer = zone_->Answer(name, type, 0, own_first);
    if (answer.code == ZoneAnswer::Code::kNotOurs) return {"not ours"};
    if (answer.code == ZoneAnswer::Code::kNoSuchName) return {"nxdomain"};
    std::vector<std::string> shown;
    for (const DnsRecord& record : answer.answers) shown.push_back(Shown(record));
    if (!answer.elsewhere.empty()) shown.push_back("ask " + answer.elsewhere);
    return shown;
  }

  TableWriter writer_;
  std::unique_ptr<DnsZone> zone_;
};

TEST_F(ZoneTest, Names) {
  const struct {
    const char* name;
    RecordType type;
    std::vector<std::string> answer;
  } rows[] = {
      {"example.com", RecordType::kA, {"not ours"}},
      {"xcluster.local", RecordType::kA, {"not ours"}},
      {"local", RecordType::kA, {"not ours"}},
      {"cluster.local", RecordType::kA, {}},
      {"cluster.local", RecordType::kNs, {"ns.dns.cluster.local"}},
      {"dns-version.cluster.local", RecordType::kTxt, {"1.1.0"}},
      {"svc.cluster.local", RecordType::kA, {}},
      {"default.svc.cluster.local", RecordType::kA, {}},
      {"other.svc.cluster.local", RecordType::kA, {"nxdomain"}},
      {"pod.cluster.local", RecordType::kA, {"nxdomain"}},
      // An address of its own.
      {"web.default.svc.cluster.local", RecordType::kA, {"10.96.0.1"}},
      {"web.default.svc.cluster.local", RecordType::kAaaa, {"fd00::1"}},
      {"web.default.svc.cluster.local", RecordType::kTxt, {}},
      {"web.default.svc.cluster.local", RecordType::kSrv, {"80 web.default.svc.cluster.local"}},
      {"_http._tcp.web.default.svc.cluster.local",
       RecordType::kSrv,
       {"80 web.default.svc.cluster.local"}},
      {"_http._udp.web.default.svc.cluster.local", RecordType::kSrv, {"nxdomain"}},
      {"_x._tcp.web.default.svc.cluster.local", RecordType::kSrv, {"nxdomain"}},
      {"_http._tcp.web.default.svc.cluster.local", RecordType::kA, {}},
      {"nobody.default.svc.cluster.local", RecordType::kA, {"nxdomain"}},
      {"web.other.svc.cluster.local", RecordType::kA, {"nxdomain"}},
      // Without one: the ready places, those of this node first.
      {"set.default.svc.cluster.local", RecordType::kA, {"10.0.0.1", "10.0.0.2"}},
      {"set.default.svc.cluster.local", RecordType::kAaaa, {"fd01::1"}},
      {"empty.default.svc.cluster.local", RecordType::kA, {"nxdomain"}},
      {"one.set.default.svc.cluster.local", RecordType::kA, {"10.0.0.1"}},
      {"one.set.default.svc.cluster.local", RecordType::kAaaa, {}},
      {"10-0-0-2.set.default.svc.cluster.local", RecordType::kA, {"10.0.0.2"}},
      {"fd01--1.set.default.svc.cluster.local", RecordType::kAaaa, {"fd01::1"}},
      {"10-0-0-3.set.default.svc.cluster.local", RecordType::kA, {"nxdomain"}},
      // By node, and by pod.
      {"local.set.default.svc.cluster.local", RecordType::kA, {"10.0.0.1"}},
      {"local.set.default.svc.cluster.local", RecordType::kAaaa, {"fd01::1"}},
      {"node-1.set.default.svc.cluster.local", RecordType::kA, {"10.0.0.1"}},
      {"node-2.example.com.set.default.svc.cluster.local", RecordType::kA, {"10.0.0.2"}},
      {"node-3.set.default.svc.cluster.local", RecordType::kA, {"nxdomain"}},
      {"pod-on-node-1.set.default.svc.cluster.local", RecordType::kA, {"10.0.0.1"}},
      {"x.one.set.default.svc.cluster.local", RecordType::kA, {"nxdomain"}},
      {"_http._tcp.set.default.svc.cluster.local",
       RecordType::kSrv,
       {"8080 one.set.default.svc.cluster.local", "8080 fd01--1.set.default.svc.cluster.local",
        "8080 10-0-0-2.set.default.svc.cluster.local"}},
      // Other names.
      {"db.default.svc.cluster.local", RecordType::kA, {"db.example.com", "ask db.example.com"}},
      {"db.default.svc.cluster.local", RecordType::kCname, {"db.example.com"}},
      {"alias.default.svc.cluster.local",
       RecordType::kA,
       {"web.default.svc.cluster.local", "10.96.0.1"}},
      // And back.
      {"1.0.96.10.in-addr.arpa", RecordType::kPtr, {"web.default.svc.cluster.local"}},
      {"1.0.0.10.in-addr.arpa", RecordType::kPtr, {"one.set.default.svc.cluster.local"}},
      {"9.0.96.10.in-addr.arpa", RecordType::kPtr, {"nxdomain"}},
      {"9.9.9.9.in-addr.arpa", RecordType::kPtr, {"not ours"}},
      {"1.0.96.10.in-addr.arpa", RecordType::kA, {}},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(Ask(row.name, row.type), testing::ElementsAreArray(row.answer))
        << row.name << " " << static_cast<int>(row.type);
  }
}

TEST_F(ZoneTest, ACircleOfNamesEnds) {
  const ZoneAnswer answer =
      zone_->Answer("ring-a.default.svc.cluster.local", RecordType::kA, 0, false);
  EXPECT_EQ(answer.elsewhere, "");
  EXPECT_LE(answer.answers.size(), 10u);
}

TEST_F(ZoneTest, CallersThatTakeTheFirstAreSpread) {
  std::set<std::string> first;
  for (uint32_t turn = 0; turn < 6; ++turn) {
    const ZoneAnswer answer =
        zone_->Answer("set.default.svc.cluster.local", RecordType::kA, turn, false);
    first.insert(Shown(answer.answers.front()));
    EXPECT_EQ(answer.answers.size(), 2u);
  }
  EXPECT_THAT(first, UnorderedElementsAre("10.0.0.1", "10.0.0.2"));
}

TEST_F(ZoneTest, SrvBringsTheAddresses) {
  const ZoneAnswer answer =
      zone_->Answer("_http._tcp.set.default.svc.cluster.local", RecordType::kSrv, 0, true);
  ASSERT_EQ(answer.additional.size(), 3u);
  EXPECT_EQ(answer.additional[0].name, "one.set.default.svc.cluster.local");
  EXPECT_EQ(Shown(answer.additional[0]), "10.0.0.1");
}

TEST(ReverseAddress, WhatIsOne) {
  const struct {
    const char* name;
    const char* address;  // Null: none.
  } rows[] = {
      {"4.3.2.1.in-addr.arpa", "1.2.3.4"},
      {"3.2.1.in-addr.arpa", nullptr},
      {"300.3.2.1.in-addr.arpa", nullptr},
      {"x.4.3.2.1.in-addr.arpa", nullptr},
      {"in-addr.arpa", nullptr},
      {"1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", "fd00::1"},
      {"g.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa", nullptr},
      {"1.0.ip6.arpa", nullptr},
  };
  for (const auto& row : rows) {
    const auto address = ReverseAddress(row.name);
    ASSERT_EQ(address.has_value(), row.address != nullptr) << row.name;
    if (address) {
      EXPECT_EQ(ToText(*address), row.address);
    }
  }
}

}  // namespace
}  // namespace muster::agent
