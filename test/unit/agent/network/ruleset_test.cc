#include "agent/network/ruleset.h"

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "test/unit/agent/network/tables.h"

namespace muster::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

const RulesetContext kHere{"n1", {}};

// Those of all Services.
std::map<std::string, std::vector<std::string>> ChainsOf(const Ruleset& ruleset) {
  std::map<std::string, std::vector<std::string>> chains;
  for (const auto& [service, part] : ruleset.services) {
    chains.insert(part->rules.chains.begin(), part->rules.chains.end());
  }
  return chains;
}

// One Service "web" at 10.96.0.1, with what a row changes; places on n1 and n2.
TEST(MakeRuleset, WhereAConnectionGoes) {
  const struct {
    const char* rule;
    std::function<void(network::v1::Service&)> change;
    std::vector<std::pair<std::string, bool>> places;  // Node and whether it is ready.
    const char* verdict;                               // Of 10.96.0.1 port 80.
    const char* translation;                           // In its chain; null: there is none.
  } rows[] = {
      {"one place",
       [](auto&) {},
       {{"n2", true}},
       "goto svc4-default/web-tcp-80",
       "meta l4proto tcp dnat ip to 10.0.0.1:8080"},
      {"two places",
       [](auto&) {},
       {{"n1", true}, {"n2", true}},
       "goto svc4-default/web-tcp-80",
       "meta l4proto tcp dnat ip addr . port to numgen random mod 2 map { 0 : 10.0.0.1 . 8080, 1 : "
       "10.0.0.2 . 8080 }"},
      {"only ready ones",
       [](auto&) {},
       {{"n1", true}, {"n2", false}},
       "goto svc4-default/web-tcp-80",
       "meta l4proto tcp dnat ip to 10.0.0.1:8080"},
      {"none", [](auto&) {}, {}, "goto refuse", nullptr},
      {"none that is ready", [](auto&) {}, {{"n1", false}}, "goto refuse", nullptr},
      {"its own only",
       [](auto& service) { service.set_internal_local(true); },
       {{"n1", true}, {"n2", true}},
       "goto svc4-default/web-tcp-80",
       "meta l4proto tcp dnat ip to 10.0.0.1:8080"},
      {"its own only, and there is none",
       [](auto& service) { service.set_internal_local(true); },
       {{"n2", true}},
       "goto discard",
       nullptr},
      {"its own first",
       [](auto& service) { service.set_prefer_same_node(true); },
       {{"n2", true}, {"n1", true}},
       "goto svc4-default/web-tcp-80",
       "meta l4proto tcp dnat ip to 10.0.0.2:8080"},
      {"its own first, and there is none",
       [](auto& service) { service.set_prefer_same_node(true); },
       {{"n2", true}},
       "goto svc4-default/web-tcp-80",
       "meta l4proto tcp dnat ip to 10.0.0.1:8080"},
  };
  for (const auto& row : rows) {
    TableWriter writer;
    network::v1::Service& web = writer.Service("web", {"10.96.0.1"});
    TableWriter::Port(web, "http", "TCP", 80);
    row.change(web);
    network::v1::Slice& slice = writer.Slice("web", "http", "TCP", 8080);
    int number = 0;
    for (const auto& [node, ready] : row.places) {
      TableWriter::Place(slice, "10.0.0." + std::to_string(++number), node, ready);
    }
    const Ruleset ruleset = MakeRuleset(*writer.Table(), kHere);
    const std::string key = "10.96.0.1 . tcp . 80";
    const std::string verdict = row.verdict;
    const bool closed = row.translation == nullptr;
    const auto& elements = ruleset.elements.at(closed ? "closed4" : "service4");
    EXPECT_THAT(elements, ElementsAre(Pair(key, verdict))) << row.rule;
    if (closed) {
      EXPECT_THAT(ChainsOf(ruleset), IsEmpty()) << row.rule;
    } else {
      EXPECT_THAT(ChainsOf(ruleset).at("svc4-default/web-tcp-80"), ElementsAre(row.translation))
          << row.rule;
    }
  }
}

TEST(MakeRuleset, WhatGoesServesUntilAnotherIsReady) {
  TableWriter writer;
  TableWriter::Port(writer.Service("web", {"10.96.0.1"}), "", "TCP", 80);
  network::v1::Endpoint& going =
      TableWriter::Place(writer.Slice("web", "", "TCP", 80), "10.0.0.1", "n1", false);
  going.set_serving(true);
  going.set_terminating(true);
  EXPECT_THAT(ChainsOf(MakeRuleset(*writer.Table(), kHere)).at("svc4-default/web-tcp-80"),
              ElementsAre("meta l4proto tcp dnat ip to 10.0.0.1:80"));
}

TEST(MakeRuleset, BothFamiliesProtocolsAndNodePorts) {
  TableWriter writer;
  network::v1::Service& dns = writer.Service("dns", {"10.96.0.1", "fd00::1"});
  TableWriter::Port(dns, "u", "UDP", 53, 30053);
  TableWriter::Port(dns, "s", "SCTP", 54);
  network::v1::Slice& four = writer.Slice("dns", "u", "UDP", 5353);
  TableWriter::Place(four, "10.0.0.1", "n1");
  TableWriter::Place(writer.Slice("dns", "u", "UDP", 5353), "fd01::1", "n2");
  const Ruleset ruleset = MakeRuleset(*writer.Table(), kHere);
  EXPECT_THAT(ruleset.elements.at("service4"),
              ElementsAre(Pair("10.96.0.1 . udp . 53", "goto svc4-default/dns-udp-53")));
  EXPECT_THAT(ruleset.elements.at("service6"),
              ElementsAre(Pair("fd00::1 . udp . 53", "goto svc6-default/dns-udp-53")));
  EXPECT_THAT(ruleset.elements.at("nodeport4"),
              ElementsAre(Pair("udp . 30053", "goto node4-default/dns-udp-53")));
  EXPECT_THAT(ChainsOf(ruleset).at("svc6-default/dns-udp-53"),
              ElementsAre("meta l4proto udp dnat ip6 to [fd01::1]:5353"));
  EXPECT_THAT(ChainsOf(ruleset).at("node4-default/dns-udp-53"),
              ElementsAre(HasSubstr("meta mark set"), HasSubstr("dnat ip to 10.0.0.1:5353")));
  // Only what is here can reach itself.
  EXPECT_THAT(ruleset.elements.at("hairpin4"), ElementsAre(Pair("10.0.0.1 . 10.0.0.1", "")));
  EXPECT_FALSE(ruleset.elements.contains("hairpin6"));
}

TEST(MakeRuleset, FromOutsideOnlyToItsOwnKeepsTheClientsAddress) {
  TableWriter writer;
  network::v1::Service& web = writer.Service("web", {"10.96.0.1"});
  TableWriter::Port(web, "", "TCP", 80, 30080);
  web.set_external_local(true);
  network::v1::Slice& slice = writer.Slice("web", "", "TCP", 80);
  TableWriter::Place(slice, "10.0.0.2", "n2");
  EXPECT_FALSE(MakeRuleset(*writer.Table(), kHere).elements.contains("nodeport4"));
  TableWriter::Place(slice, "10.0.0.1", "n1");
  EXPECT_THAT(ChainsOf(MakeRuleset(*writer.Table(), kHere)).at("node4-default/web-tcp-80"),
              ElementsAre("meta l4proto tcp dnat ip to 10.0.0.1:80"));
}

TEST(MakeRuleset, AffinityRemembersClientsByPlace) {
  TableWriter writer;
  network::v1::Service& web = writer.Service("web", {"10.96.0.1"});
  TableWriter::Port(web, "", "TCP", 80);
  web.set_affinity_seconds(60);
  network::v1::Slice& slice = writer.Slice("web", "", "TCP", 80);
  TableWriter::Place(slice, "10.0.0.1", "n1");
  TableWriter::Place(slice, "10.0.0.2", "n2");
  const Ruleset ruleset = MakeRuleset(*writer.Table(), kHere);
  const std::string name = "svc4-default/web-tcp-80", first = name + "-10.0.0.1-80";
  EXPECT_THAT(ChainsOf(ruleset).at(name),
              ElementsAre("ip saddr @of-" + first + " goto " + first, HasSubstr("10.0.0.2-80"),
                          HasSubstr("numgen random mod 2 vmap { 0 : goto " + first)));
  EXPECT_THAT(ChainsOf(ruleset).at(first), ElementsAre("update @of-" + first + " { ip saddr }",
                                                       HasSubstr("dnat ip to 10.0.0.1:80")));
  EXPECT_THAT(ruleset.services.at("default/web")->rules.sets.at("of-" + first),
              HasSubstr("timeout 60s"));

  // Another place changes nothing of what this one remembers.
  TableWriter::Place(slice, "10.0.0.3", "n3");
  const std::string commands = ChangeCommands(ruleset, MakeRuleset(*writer.Table(), kHere));
  EXPECT_THAT(commands, Not(HasSubstr("flush chain inet muster " + first)));
  EXPECT_THAT(commands, Not(HasSubstr("add set inet muster of-" + first)));
  EXPECT_THAT(commands, Not(HasSubstr("delete table")));
}

TEST(ChangeCommands, OnlyWhatDiffersIsWritten) {
  TableWriter writer;
  for (const char* name : {"a", "b"}) {
    TableWriter::Port(
        writer.Service(name, {std::string("10.96.0.") + (name[0] == 'a' ? "1" : "2")}), "", "TCP",
        80);
  }
  network::v1::Slice& slice = writer.Slice("a", "", "TCP", 80);
  TableWriter::Place(slice, "10.0.0.1", "n2");
  const Ruleset before = MakeRuleset(*writer.Table(), kHere);
  EXPECT_EQ(ChangeCommands(before, before), "");
  TableWriter::Place(writer.Slice("b", "", "TCP", 80), "10.0.0.2", "n2");
  const Ruleset after = MakeRuleset(*writer.Table(), kHere);
  EXPECT_EQ(ChangeCommands(before, after),
            "add chain inet muster svc4-default/b-tcp-80\n"
            "add rule inet muster svc4-default/b-tcp-80 meta l4proto tcp dnat ip to 10.0.0.2:80\n"
            "add element inet muster service4 { 10.96.0.2 . tcp . 80 : goto "
            "svc4-default/b-tcp-80 }\n"
            "delete element inet muster closed4 { 10.96.0.2 . tcp . 80 }\n"
            "delete chain inet muster " +
                MarkOf(before) + "\nadd chain inet muster " + MarkOf(after) + "\n");
  EXPECT_EQ(ChangeCommands(after, before),
            "delete element inet muster service4 { 10.96.0.2 . tcp . 80 }\n"
            "add element inet muster closed4 { 10.96.0.2 . tcp . 80 : goto refuse }\n"
            "flush chain inet muster svc4-default/b-tcp-80\n"
            "delete chain inet muster svc4-default/b-tcp-80\n"
            "delete chain inet muster " +
                MarkOf(after) + "\nadd chain inet muster " + MarkOf(before) + "\n");
}

TEST(ReplaceCommands, ATableIsThereOnlyWhenThereIsSomethingInIt) {
  EXPECT_EQ(ReplaceCommands({}), "add table inet muster\ndelete table inet muster\n");
  TableWriter writer;
  writer.Service("headless");
  const Ruleset none = MakeRuleset(*writer.Table(), {"n1", {"cni0"}});
  EXPECT_TRUE(none.empty());
  TableWriter::Port(writer.Service("web", {"10.96.0.1"}), "", "TCP", 80);
  const Ruleset some = MakeRuleset(*writer.Table(), {"n1", {"cni0"}});
  const std::string commands = ReplaceCommands(some);
  EXPECT_THAT(commands, HasSubstr("type nat hook prerouting priority -105"));
  EXPECT_THAT(commands, HasSubstr("add element inet muster bridges { \"cni0\" . \"cni0\" }"));
  EXPECT_THAT(commands, HasSubstr("add chain inet muster " + MarkOf(some)));
  EXPECT_EQ(ChangeCommands(some, none), ReplaceCommands(none));
  EXPECT_EQ(ChangeCommands(none, some), commands);
  EXPECT_NE(MarkOf(some), MarkOf(none));
}

HostPortTable WebAt(const std::string& place) {
  return {{HostPortKey{false, "tcp", std::nullopt, 80}, {{*ParseIp(place), 8080}, "u", {}}}};
}

TEST(HostPorts, AreChangedByThemselvesAndReplacedWithTheRest) {
  TableWriter writer;
  TableWriter::Port(writer.Service("web", {"10.96.0.1"}), "", "TCP", 80);
  Ruleset before = MakeRuleset(*writer.Table(), kHere);
  before.host_ports = HostPortElements(WebAt("10.0.0.1"), {*ParseIp("169.254.20.10")}, {"cni0"});
  Ruleset after = before;
  after.host_ports = HostPortElements(WebAt("10.0.0.2"), {*ParseIp("169.254.20.10")}, {"cni0"});
  EXPECT_NE(before, after);
  EXPECT_EQ(MarkOf(before), MarkOf(after));
  EXPECT_EQ(ChangeCommands(before, after),
            "delete element inet muster hostport4 { tcp . 80 }\n"
            "add element inet muster hostport4 { tcp . 80 : 10.0.0.2 . 8080 }\n"
            "delete element inet muster hostport-pods4 { 10.0.0.1 . 10.0.0.1 }\n"
            "add element inet muster hostport-pods4 { 10.0.0.2 . 10.0.0.2 }\n");
  EXPECT_EQ(HostPortCommands(before.host_ports, after.host_ports), ChangeCommands(before, after));
  const std::string all = ReplaceCommands(after);
  EXPECT_THAT(all, HasSubstr("add element inet muster hostport4 { tcp . 80 : 10.0.0.2 . 8080 }\n"));
  EXPECT_THAT(all, HasSubstr("add element inet muster hostport-not4 { 169.254.20.10 }\n"));
  EXPECT_THAT(all, HasSubstr("add element inet muster loopback-ways { \"cni0\" }\n"));
}

TEST(HostPorts, ThereIsATableForThemAlone) {
  TableWriter writer;
  Ruleset alone = MakeRuleset(*writer.Table(), {"n1", {"cni0"}, true});
  EXPECT_EQ(alone.elements.at("bridges").size(), 1u) << "their connections take the same ways";
  alone.host_ports = HostPortElements(WebAt("10.0.0.1"), {}, {});
  EXPECT_FALSE(alone.empty());
  EXPECT_EQ(ChangeCommands(alone, {}), ReplaceCommands({}));
  EXPECT_TRUE(HostPortElements({}, {*ParseIp("169.254.20.10")}, {}).empty());
}

TEST(MakeRuleset, WhatLeavesTheFleetGetsTheHostsAddress) {
  RulesetContext context = kHere;
  context.own_pods = {*ParseIpRange("10.244.1.0/24"), *ParseIpRange("fd00:244:0:1::/64")};
  context.fleet_pods = {*ParseIpRange("10.244.0.0/16"), *ParseIpRange("fd00:244::/56")};
  // Also without any Service.
  const Ruleset ruleset = MakeRuleset(ServiceTable(), context);
  EXPECT_THAT(ruleset.elements.at("own-pods4"), ElementsAre(Pair("10.244.1.0/24", "")));
  EXPECT_THAT(ruleset.elements.at("own-pods6"), ElementsAre(Pair("fd00:244:0:1::/64", "")));
  EXPECT_THAT(ruleset.elements.at("fleet-pods4"),
              ElementsAre(Pair("10.244.0.0/16", ""), Pair("224.0.0.0/4", "")));
  EXPECT_THAT(ReplaceCommands(ruleset),
              HasSubstr("postrouting ip saddr @own-pods4 ip daddr != @fleet-pods4 masquerade"));
  EXPECT_THAT(ChangeCommands(ruleset, MakeRuleset(ServiceTable(), kHere)),
              HasSubstr("delete table inet muster"));
}

TEST(RulesetMaker, OnlyWhatChangedIsMadeAnew) {
  TableWriter writer;
  int number = 0;
  for (const char* name : {"a", "b", "c"}) {
    TableWriter::Port(writer.Service(name, {"10.96.0." + std::to_string(++number)}), "", "TCP", 80);
    TableWriter::Place(writer.Slice(name, "", "TCP", 80), "10.0.0.1", "n1");
  }
  ServiceTableBuilder builder;
  writer.update().set_full(true);
  writer.update().set_complete(true);
  const ServiceTable first = *builder.Take(writer.update());
  RulesetMaker maker;
  const Ruleset before = maker.Make(first, kHere);
  EXPECT_EQ(maker.made(), 3);

  network::v1::Update one;
  *one.add_slices() = writer.update().slices(1);
  TableWriter::Place(*one.mutable_slices(0), "10.0.0.2", "n2");
  one.set_complete(true);
  one.set_revision(2);
  const ServiceTable second = *builder.Take(one);
  const Ruleset after = maker.Make(second, kHere);
  EXPECT_EQ(maker.made(), 1);
  EXPECT_EQ(after, MakeRuleset(second, kHere));
  EXPECT_EQ(after.services.at("default/a"), before.services.at("default/a")) << "the same object";
  EXPECT_NE(after.services.at("default/b"), before.services.at("default/b"));
  EXPECT_EQ(MarkOf(after), MarkOf(MakeRuleset(second, kHere)));

  // What is told again with nothing new in it makes no new part.
  const ServiceTable third = *builder.Take(one);
  const Ruleset again = maker.Make(third, kHere);
  EXPECT_EQ(maker.made(), 1);
  EXPECT_EQ(again.services.at("default/b"), after.services.at("default/b"));
  EXPECT_EQ(maker.Make(third, {"n2", {}}), MakeRuleset(third, {"n2", {}}));
  EXPECT_EQ(maker.made(), 3) << "another node has other places of its own";
}

// As nftables lists a table.
std::string Listing(const Ruleset& ruleset) {
  return "table inet muster {\n\tchain services {\n\t}\n\n\tchain " + MarkOf(ruleset) +
         " {\n\t}\n}\n";
}

TEST(CompareInherited, WhatAnAgentFindsThatStarts) {
  const auto made_of = [](const std::vector<std::string>& places, int64_t revision) {
    TableWriter writer;
    TableWriter::Port(writer.Service("web", {"10.96.0.1"}), "", "TCP", 80);
    for (const std::string& place : places) {
      TableWriter::Place(writer.Slice("web", "", "TCP", 80), place, "n2");
    }
    Ruleset ruleset = MakeRuleset(*writer.Table(), kHere);
    ruleset.revision = revision;
    return ruleset;
  };
  const std::vector<std::string> one = {"10.0.0.1"}, two = {"10.0.0.1", "10.0.0.2"};
  const std::string unmarked = "table inet muster {\n\tchain services {\n\t}\n}\n";
  const struct {
    const char* what;
    std::string listing;
    Ruleset wanted;
    Inherited state;
    int64_t revision;
  } rows[] = {
      {"no table, and none is wanted", "", {}, Inherited::kAsWanted, 0},
      {"no table", "", made_of(one, 7), Inherited::kOther, 0},
      {"the same", Listing(made_of(one, 7)), made_of(one, 7), Inherited::kAsWanted, 7},
      {"the same of an older revision", Listing(made_of(one, 7)), made_of(one, 9),
       Inherited::kAsWanted, 7},
      {"the same of a newer revision", Listing(made_of(one, 9)), made_of(one, 7),
       Inherited::kAsWanted, 9},
      {"older", Listing(made_of(one, 7)), made_of(two, 9), Inherited::kOther, 7},
      {"newer than what was kept", Listing(made_of(two, 9)), made_of(one, 7), Inherited::kNewer, 9},
      {"newer, and nothing was kept", Listing(made_of(two, 9)), {}, Inherited::kNewer, 9},
      {"no mark", unmarked, made_of(one, 7), Inherited::kOther, 0},
      {"a mark without a revision", "table inet muster {\n\tchain is-00112233445566ff {\n\t}\n}\n",
       made_of(one, 7), Inherited::kOther, 0},
  };
  for (const auto& row : rows) {
    const Inheritance found = CompareInherited(row.listing, row.wanted);
    EXPECT_EQ(found.state, row.state) << row.what;
    EXPECT_EQ(found.revision, row.revision) << row.what;
  }
}

TEST(MarkOf, TellsTheRevision) {
  TableWriter writer;
  TableWriter::Port(writer.Service("web", {"10.96.0.1"}), "", "TCP", 80);
  Ruleset ruleset = MakeRuleset(*writer.Table(), kHere), later = ruleset;
  later.revision = ruleset.revision + 1;
  EXPECT_NE(MarkOf(ruleset), MarkOf(later));
  // A revision that changes no rule is not written.
  EXPECT_EQ(ruleset, later);
  EXPECT_EQ(ChangeCommands(ruleset, later), "");
}

}  // namespace
}  // namespace muster::agent
