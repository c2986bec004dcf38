#include "agent/network/service_rules.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace muster::agent {
namespace {

// One bit of the packet's mark: this connection needs the host's address.
constexpr char kSetMark[] = "meta mark set meta mark | 0x00001000";

struct Target {
  IpAddress address;
  int port = 0;
  bool own = false;
};

std::string Lower(const std::string& text) { return absl::AsciiStrToLower(text); }

// Where traffic goes; and, when that is nowhere, whether there are places elsewhere.
struct Choice {
  std::vector<Target> targets;
  bool some_elsewhere = false;
};

Choice Choose(const std::vector<ServicePlace>& places, const network::v1::Port& port, bool v6,
              const std::string& node, bool only_own, bool own_first) {
  Choice choice;
  for (const bool ready : {true, false}) {
    std::vector<Target> all;
    for (const ServicePlace& place : places) {
      const bool fits = ready ? place.ready : place.serving && place.terminating;
      if (!fits || place.address.v6 != v6) continue;
      for (const network::v1::SlicePort& its : place.slice->ports()) {
        if (its.name() != port.name() || its.protocol() != port.protocol()) continue;
        all.push_back({place.address, its.port(), Lower(place.node) == Lower(node)});
      }
    }
    choice.some_elsewhere = choice.some_elsewhere || !all.empty();
    const bool any_own =
        std::any_of(all.begin(), all.end(), [](const Target& target) { return target.own; });
    if (only_own || (own_first && any_own)) {
      std::erase_if(all, [](const Target& target) { return !target.own; });
    }
    if (all.empty()) continue;
    choice.targets = std::move(all);
    std::sort(choice.targets.begin(), choice.targets.end(), [](const Target& a, const Target& b) {
      return std::pair(a.address, a.port) < std::pair(b.address, b.port);
    });
    break;
  }
  return choice;
}

std::string Translation(const Target& target) {
  const std::string ip = ToText(target.address);
  return target.address.v6 ? absl::StrCat("dnat ip6 to [", ip, "]:", target.port)
                           : absl::StrCat("dnat ip to ", ip, ":", target.port);
}

class Maker {
 public:
  explicit Maker(const std::string& node) : node_(node) {}

  void AddService(const network::v1::Service& service, const std::vector<ServicePlace>& places,
                  const IpAddress& address) {
    const std::string family = address.v6 ? "6" : "4";
    for (const network::v1::Port& port : service.ports()) {
      const std::string protocol = Lower(port.protocol());
      if (protocol != "tcp" && protocol != "udp") continue;
      const std::string name = absl::StrCat(family, "-", service.namespace_(), "/", service.name(),
                                            "-", protocol, "-", port.port());
      const std::string key = absl::StrCat(ToText(address), " . ", protocol, " . ", port.port());
      const Choice inside = Choose(places, port, address.v6, node_, service.internal_local(),
                                   service.prefer_same_node());
      if (inside.targets.empty()) {
        rules_.elements["closed" + family][key] =
            inside.some_elsewhere ? "goto discard" : "goto refuse";
      } else {
        AddChain("svc" + name, service, protocol, inside.targets, {});
        rules_.elements["service" + family][key] = "goto svc" + name;
        AddHairpins(inside.targets, family);
      }
      if (port.node_port() == 0) continue;
      const Choice outside = Choose(places, port, address.v6, node_, service.external_local(),
                                    service.prefer_same_node());
      if (outside.targets.empty()) continue;  // Nothing listens there, which refuses by itself.
      std::vector<std::string> first;
      if (!service.external_local()) first.push_back(kSetMark);
      AddChain("node" + name, service, protocol, outside.targets, std::move(first));
      rules_.elements["nodeport" + family][absl::StrCat(protocol, " . ", port.node_port())] =
          "goto node" + name;
      AddHairpins(outside.targets, family);
    }
  }

  ServiceRules Take() { return std::move(rules_); }

 private:
  void AddHairpins(const std::vector<Target>& targets, const std::string& family) {
    for (const Target& target : targets) {
      if (!target.own) continue;
      const std::string ip = ToText(target.address);
      rules_.elements["hairpin" + family][absl::StrCat(ip, " . ", ip)] = "";
    }
  }

  void AddChain(const std::string& name, const network::v1::Service& service,
                const std::string& protocol, const std::vector<Target>& targets,
                std::vector<std::string> rules) {
    const std::string match = absl::StrCat("meta l4proto ", protocol, " ");
    if (service.affinity_seconds() > 0) {
      AddAffinity(name, service, match, targets, rules);
    } else if (targets.size() == 1) {
      rules.push_back(match + Translation(targets[0]));
    } else {
      std::vector<std::string> choices;
      for (size_t i = 0; i < targets.size(); ++i) {
        choices.push_back(
            absl::StrCat(i, " : ", ToText(targets[i].address), " . ", targets[i].port));
      }
      rules.push_back(absl::StrCat(match, "dnat ", targets[0].address.v6 ? "ip6" : "ip",
                                   " addr . port to numgen random mod ", targets.size(), " map { ",
                                   absl::StrJoin(choices, ", "), " }"));
    }
    rules_.chains[name] = std::move(rules);
  }

  // Each place remembers its clients, so that what becomes of others changes nothing for them.
  void AddAffinity(const std::string& name, const network::v1::Service& service,
                   const std::string& match, const std::vector<Target>& targets,
                   std::vector<std::string>& rules) {
    const bool v6 = targets[0].address.v6;
    const std::string source = v6 ? "ip6 saddr" : "ip saddr";
    std::vector<std::string> choices;
    for (size_t i = 0; i < targets.size(); ++i) {
      std::string place = absl::StrCat(ToText(targets[i].address), "-", targets[i].port);
      std::replace(place.begin(), place.end(), ':', '.');
      const std::string at = absl::StrCat(name, "-", place);
      const std::string clients = absl::StrCat("of-", at);
      rules_.sets[clients] = absl::StrCat("type ", v6 ? "ipv6_addr" : "ipv4_addr",
                                          " ; size 65535 ; flags dynamic, "
                                          "timeout ; timeout ",
                                          service.affinity_seconds(), "s");
      rules_.chains[at] = {absl::StrCat("update @", clients, " { ", source, " }"),
                           match + Translation(targets[i])};
      rules.push_back(absl::StrCat(source, " @", clients, " goto ", at));
      choices.push_back(absl::StrCat(i, " : goto ", at));
    }
    rules.push_back(absl::StrCat("numgen random mod ", targets.size(), " vmap { ",
                                 absl::StrJoin(choices, ", "), " }"));
  }

  const std::string& node_;
  ServiceRules rules_;
};

}  // namespace

ServiceRules RulesOf(const network::v1::Service& service, const std::vector<ServicePlace>& places,
                     const std::string& node) {
  Maker maker(node);
  for (const std::string& text : service.cluster_ips()) {
    if (const auto address = ParseIp(text)) maker.AddService(service, places, *address);
  }
  return maker.Take();
}

}  // namespace muster::agent
