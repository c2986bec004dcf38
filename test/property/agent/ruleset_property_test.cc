// Random changes of the table of Services: a ruleset that is made on from the one before is the one
// that is made of everything, and the commands that change one into the other do so.

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/network/own_pods.h"
#include "agent/network/ruleset.h"

namespace muster::agent {
namespace {

constexpr int kWorlds = 60, kSteps = 40;
constexpr int kServices = 6, kNodes = 4;

// As much of nftables as commands of ours need. What the kernel would refuse is a failure.
class Tables {
 public:
  void Run(const std::string& commands) {
    for (const absl::string_view line : absl::StrSplit(commands, '\n', absl::SkipEmpty())) {
      if (!RunOne(std::string(line))) ADD_FAILURE() << "refused: " << line;
    }
  }
  bool operator==(const Tables& other) const = default;

 private:
  bool RunOne(const std::string& line) {
    const std::vector<std::string> words = absl::StrSplit(line, absl::MaxSplits(' ', 5));
    const std::string verb = absl::StrCat(words[0], " ", words[1]);
    if (verb == "add table") return there_ = true;
    if (verb == "delete table") {
      const bool was_there = there_;
      *this = Tables();
      return was_there;
    }
    const std::string& name = words[4];
    const std::string rest = words.size() > 5 ? words[5] : "";
    if (verb == "add map" || verb == "add set") return sets_.emplace(name, rest).second;
    if (verb == "delete set") return elements_.erase(name), sets_.erase(name) == 1;
    if (verb == "add chain") return chains_.try_emplace(name).second;
    if (verb == "flush chain") return chains_.contains(name) && (chains_[name].clear(), true);
    if (verb == "delete chain") return !IsJumpedTo(name) && chains_.erase(name) == 1;
    if (verb == "add rule") {
      return chains_.contains(name) && (chains_[name].push_back(rest), true);
    }
    if (!sets_.contains(name)) return false;
    // "{ KEY : VALUE, KEY : VALUE }"
    for (const absl::string_view element :
         absl::StrSplit(rest.substr(2, rest.size() - 4), ", ", absl::SkipEmpty())) {
      const std::vector<std::string> parts = absl::StrSplit(element, absl::MaxSplits(" : ", 1));
      if (verb == "add element") {
        if (!elements_[name].emplace(parts[0], parts.size() > 1 ? parts[1] : "").second) {
          return false;
        }
      } else if (elements_[name].erase(parts[0]) == 0) {
        return false;
      }
    }
    if (elements_[name].empty()) elements_.erase(name);
    return true;
  }

  bool IsJumpedTo(const std::string& chain) const {
    const std::string jump = absl::StrCat("goto ", chain);
    const auto has = [&jump](const std::string& text) {
      const size_t at = text.find(jump);
      return at != std::string::npos &&
             (at + jump.size() == text.size() || absl::StrContains(", }", text[at + jump.size()]));
    };
    for (const auto& [name, rules] : chains_) {
      if (std::ranges::any_of(rules, has)) return true;
    }
    for (const auto& [name, elements] : elements_) {
      if (std::ranges::any_of(elements, [&](const auto& each) { return has(each.second); })) {
        return true;
      }
    }
    return false;
  }

  bool there_ = false;
  std::map<std::string, std::string> sets_;
  std::map<std::string, std::vector<std::string>> chains_;
  std::map<std::string, std::map<std::string, std::string>> elements_;
};

class World {
 public:
  explicit World(uint32_t seed) : dice_(seed) {}

  int Roll(int sides) { return static_cast<int>(dice_() % static_cast<uint32_t>(sides)); }
  bool Chance(int in) { return Roll(in) == 0; }

  // Some Services, some slices, some that go; often only one thing.
  network::v1::Update Change() {
    network::v1::Update update;
    for (int i = Chance(3) ? 3 : 1; i > 0; --i) {
      const std::string name = absl::StrCat("s", Roll(kServices));
      switch (Roll(6)) {
        case 0:
          update.add_removed("services/ns/" + name);
          break;
        case 1:
          update.add_removed(absl::StrCat("endpointslices/ns/", name, "-", Roll(3)));
          break;
        case 2:
        case 3:
          *update.add_services() = MakeService(name);
          break;
        default:
          *update.add_slices() = MakeSlice(name);
      }
    }
    update.set_complete(true);
    update.set_revision(++revision_);
    return update;
  }

  OwnPods MakePods() {
    OwnPods pods;
    for (int i = 0; i < 6; ++i) {
      OwnPod& pod = pods[{"ns", absl::StrCat("p", i)}];
      if (!Chance(4)) pod.addresses = {Address(false), Address(true)};
      pod.ready = !Chance(3);
      pod.terminating = Chance(5);
    }
    return pods;
  }

 private:
  IpAddress Address(bool v6) {
    return *ParseIp(absl::StrCat(v6 ? "fd00::" : "10.0.0.", 1 + Roll(9)));
  }

  network::v1::Service MakeService(const std::string& name) {
    network::v1::Service service;
    service.set_namespace_("ns");
    service.set_name(name);
    // Two of them may have one address, when one is deleted and the other one made.
    const int number = Chance(5) ? Roll(kServices) : name[1] - '0';
    if (!Chance(6)) service.add_cluster_ips(absl::StrCat("10.96.0.", number + 1));
    if (Chance(2)) service.add_cluster_ips(absl::StrCat("fd96::", number + 1));
    for (int i = 1 + Roll(2); i > 0; --i) {
      network::v1::Port& port = *service.add_ports();
      port.set_name(absl::StrCat("port-", i));
      port.set_protocol(Chance(2) ? "UDP" : "TCP");
      port.set_port(80 + i);
      if (Chance(2)) port.set_node_port(30000 + 10 * number + i);
    }
    service.set_affinity_seconds(Chance(3) ? 60 * (1 + Roll(2)) : 0);
    service.set_internal_local(Chance(5));
    service.set_external_local(Chance(5));
    service.set_prefer_same_node(Chance(5));
    return service;
  }

  network::v1::Slice MakeSlice(const std::string& of) {
    network::v1::Slice slice;
    slice.set_namespace_("ns");
    slice.set_service(of);
    slice.set_name(absl::StrCat(of, "-", Roll(3)));
    for (int i = 1; i <= 2; ++i) {
      for (const char* protocol : {"TCP", "UDP"}) {
        network::v1::SlicePort& port = *slice.add_ports();
        port.set_name(absl::StrCat("port-", i));
        port.set_protocol(protocol);
        port.set_port(8080 + i);
      }
    }
    const bool v6 = Chance(3);
    for (int i = Roll(5); i > 0; --i) {
      network::v1::Endpoint& place = *slice.add_endpoints();
      place.set_address(Address(v6).Bytes());
      place.set_node(absl::StrCat("n", Roll(kNodes)));
      if (!Chance(4)) place.set_pod(absl::StrCat("p", Roll(6)));
      place.set_ready(!Chance(3));
      place.set_serving(place.ready() || Chance(2));
      place.set_terminating(Chance(4));
    }
    return slice;
  }

  std::mt19937 dice_;
  int64_t revision_ = 0;
};

TEST(RulesetMaker, MakesWhatIsMadeOfEverythingAndChangesIntoIt) {
  int64_t made = 0, asked = 0;
  for (uint32_t seed = 1; seed <= kWorlds; ++seed) {
    World world(seed);
    ServiceTableBuilder builder;
    RulesetMaker maker;
    RulesetContext context{"n0", {"cni0"}};
    Ruleset now;
    Tables tables;
    std::optional<OwnPods> pods;
    for (int step = 0; step < kSteps; ++step) {
      const ServiceTable* told = builder.Take(world.Change());
      ASSERT_NE(told, nullptr);
      if (world.Chance(4)) pods = world.MakePods();
      if (world.Chance(15)) context.node = absl::StrCat("n", world.Roll(kNodes));
      if (world.Chance(15)) context.host_ports = !context.host_ports;
      auto table = std::make_shared<const ServiceTable>(*told);
      if (pods) table = WithOwnPods(table, context.node, *pods);

      const Ruleset next = maker.Make(*table, context);
      made += maker.made();
      for (const auto& [key, service] : table->services()) {
        asked += !service->cluster_ips().empty();
      }
      const Ruleset whole = MakeRuleset(*table, context);
      ASSERT_EQ(next, whole) << "seed " << seed << ", step " << step;
      ASSERT_EQ(MarkOf(next), MarkOf(whole)) << "seed " << seed << ", step " << step;

      tables.Run(ChangeCommands(now, next));
      Tables anew;
      anew.Run(ReplaceCommands(now == next ? now : next));
      // The mark is left alone when nothing else changed.
      if (now == next) continue;
      ASSERT_EQ(tables, anew) << "seed " << seed << ", step " << step << "\n"
                              << ChangeCommands(now, next);
      now = next;
    }
  }
  EXPECT_LT(made, asked * 3 / 4) << "many parts were there already";
}

}  // namespace
}  // namespace muster::agent
