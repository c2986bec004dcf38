#include "agent/network/ruleset.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace muster::agent {
namespace {

constexpr char kTable[] = "inet muster";
constexpr char kMarkPrefix[] = "is-";
// One bit of the packet's mark: this connection needs the host's address.
constexpr char kSetMark[] = "meta mark set meta mark | 0x00001000";

constexpr char kLoopbackWays[] = "loopback-ways";

// Of the base part: what is there whenever there is anything.
struct Base {
  const char* name;
  const char* definition;
};
constexpr Base kMaps[] = {
    {"service4", "type ipv4_addr . inet_proto . inet_service : verdict"},
    {"service6", "type ipv6_addr . inet_proto . inet_service : verdict"},
    {"nodeport4", "type inet_proto . inet_service : verdict"},
    {"nodeport6", "type inet_proto . inet_service : verdict"},
    {"closed4", "type ipv4_addr . inet_proto . inet_service : verdict"},
    {"closed6", "type ipv6_addr . inet_proto . inet_service : verdict"},
};
// Where ports of this host lead: of all its addresses, and of one.
constexpr Base kHostPortMaps[] = {
    {"hostport4", "type inet_proto . inet_service : ipv4_addr . inet_service"},
    {"hostport6", "type inet_proto . inet_service : ipv6_addr . inet_service"},
    {"hostport-at4", "type ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service"},
    {"hostport-at6", "type ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service"},
};
constexpr Base kHostPortSets[] = {
    {"hostport-pods4", "type ipv4_addr . ipv4_addr"},
    {"hostport-pods6", "type ipv6_addr . ipv6_addr"},
    {"hostport-not4", "type ipv4_addr"},
    {"hostport-not6", "type ipv6_addr"},
    {kLoopbackWays, "type ifname"},
};
constexpr Base kSets[] = {
    {"hairpin4", "type ipv4_addr . ipv4_addr"},
    {"hairpin6", "type ipv6_addr . ipv6_addr"},
    {"bridges", "type ifname . ifname"},
    {"own-pods4", "type ipv4_addr ; flags interval"},
    {"own-pods6", "type ipv6_addr ; flags interval"},
    {"fleet-pods4", "type ipv4_addr ; flags interval"},
    {"fleet-pods6", "type ipv6_addr ; flags interval"},
};
constexpr Base kHooks[] = {
    {"prerouting", "type nat hook prerouting priority -105"},
    {"output", "type nat hook output priority -105"},
    {"postrouting", "type nat hook postrouting priority 95"},
    {"forward", "type filter hook forward priority -150"},
    {"closed-output", "type filter hook output priority -150"},
    {"loopback", "type filter hook input priority -150"},
};
const std::pair<const char*, const char*> kBaseRules[] = {
    {"refuse", "reject with icmpx type port-unreachable"},
    {"discard", "drop"},
    {"closed", "ip daddr . meta l4proto . th dport vmap @closed4"},
    {"closed", "ip6 daddr . meta l4proto . th dport vmap @closed6"},
    {"services", "ip daddr . meta l4proto . th dport vmap @service4"},
    {"services", "ip6 daddr . meta l4proto . th dport vmap @service6"},
    // A connection from the loopback address cannot leave the host.
    {"services",
     "fib daddr type local ip daddr != 127.0.0.0/8 meta l4proto . th dport vmap @nodeport4"},
    {"services", "fib daddr type local ip6 daddr != ::1 meta l4proto . th dport vmap @nodeport6"},
    {"hostports", "ip daddr @hostport-not4 return"},
    {"hostports", "ip6 daddr @hostport-not6 return"},
    {"hostports",
     "meta l4proto { tcp, udp, sctp } dnat ip addr . port to ip daddr . meta l4proto . th dport "
     "map "
     "@hostport-at4"},
    {"hostports",
     "meta l4proto { tcp, udp, sctp } dnat ip6 addr . port to ip6 daddr . meta l4proto . th dport "
     "map @hostport-at6"},
    {"hostports",
     "fib daddr type local meta l4proto { tcp, udp, sctp } dnat ip addr . port to meta l4proto . "
     "th "
     "dport map @hostport4"},
    // From the loopback address there is no way to a pod in IPv6.
    {"hostports",
     "fib daddr type local ip6 daddr != ::1 meta l4proto { tcp, udp, sctp } dnat ip6 addr . port "
     "to "
     "meta l4proto . th dport map @hostport6"},
    // Nobody but the host itself means the host by that.
    {"prerouting", "iifname != \"lo\" ip daddr 127.0.0.0/8 return"},
    {"prerouting", "jump hostports"},
    {"prerouting", "jump services"},
    {"output", "jump hostports"},
    {"output", "jump services"},
    {"loopback",
     "iifname @loopback-ways ip daddr 127.0.0.0/8 ct state != { established, related } drop"},
    {"forward", "ct state new jump closed"},
    {"forward",
     "ct state new ct status dnat iifname . oifname @bridges meta mark set meta mark | "
     "0x00001000"},
    {"closed-output", "ct state new jump closed"},
    // A pod that reaches itself through a Service would not know its own answer.
    {"postrouting", "ct status dnat ip saddr . ip daddr @hairpin4 masquerade"},
    {"postrouting", "ct status dnat ip6 saddr . ip6 daddr @hairpin6 masquerade"},
    // The same for host ports; and to a pod nobody can have the loopback address.
    {"postrouting", "ct status dnat ip saddr . ip daddr @hostport-pods4 masquerade"},
    {"postrouting", "ct status dnat ip6 saddr . ip6 daddr @hostport-pods6 masquerade"},
    {"postrouting",
     "ct status dnat ip saddr 127.0.0.0/8 ip daddr . ip daddr @hostport-pods4 masquerade"},
    {"postrouting", "ip saddr @own-pods4 ip daddr != @fleet-pods4 masquerade"},
    {"postrouting", "ip6 saddr @own-pods6 ip6 daddr != @fleet-pods6 masquerade"},
    {"postrouting",
     "meta mark & 0x00001000 == 0x00001000 meta mark set meta mark & 0xffffefff masquerade"},
};
constexpr const char* kBaseChains[] = {"refuse", "discard", "closed", "services", "hostports"};

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
  Maker(const ServiceTable& table, const RulesetContext& context)
      : table_(table), context_(context) {}

  Ruleset Make() {
    for (const auto& [key, service] : table_.services()) {
      if (service.cluster_ips().empty()) continue;
      const std::vector<ServicePlace> places =
          table_.PlacesOf(service.namespace_(), service.name());
      for (const std::string& text : service.cluster_ips()) {
        if (const auto address = ParseIp(text)) AddService(service, places, *address);
      }
    }
    AddPodRanges();
    if (ruleset_.empty() && !context_.host_ports) return {};
    for (const std::string& bridge : context_.bridges) {
      const std::string quoted = absl::StrCat("\"", bridge, "\"");
      ruleset_.elements["bridges"][absl::StrCat(quoted, " . ", quoted)] = "";
    }
    return std::move(ruleset_);
  }

 private:
  void AddPodRanges() {
    if (context_.own_pods.empty()) return;
    const auto add = [this](const std::string& set, const IpRange& range) {
      ruleset_.elements[absl::StrCat(set, range.base.v6 ? "6" : "4")][ToText(range)] = "";
    };
    for (const IpRange& range : context_.own_pods) add("own-pods", range);
    for (const IpRange& range : context_.fleet_pods) add("fleet-pods", range);
    // What many get at once is answered to nobody's address.
    for (const char* multicast : {"224.0.0.0/4", "ff00::/8"}) {
      add("fleet-pods", *ParseIpRange(multicast));
    }
  }

  void AddService(const network::v1::Service& service, const std::vector<ServicePlace>& places,
                  const IpAddress& address) {
    const std::string family = address.v6 ? "6" : "4";
    for (const network::v1::Port& port : service.ports()) {
      const std::string protocol = Lower(port.protocol());
      if (protocol != "tcp" && protocol != "udp") continue;
      const std::string name = absl::StrCat(family, "-", service.namespace_(), "/", service.name(),
                                            "-", protocol, "-", port.port());
      const std::string key = absl::StrCat(ToText(address), " . ", protocol, " . ", port.port());
      const Choice inside = Choose(places, port, address.v6, context_.node,
                                   service.internal_local(), service.prefer_same_node());
      if (inside.targets.empty()) {
        ruleset_.elements["closed" + family][key] =
            inside.some_elsewhere ? "goto discard" : "goto refuse";
      } else {
        AddChain("svc" + name, service, protocol, inside.targets, {});
        ruleset_.elements["service" + family][key] = "goto svc" + name;
        AddHairpins(inside.targets, family);
      }
      if (port.node_port() == 0) continue;
      const Choice outside = Choose(places, port, address.v6, context_.node,
                                    service.external_local(), service.prefer_same_node());
      if (outside.targets.empty()) continue;  // Nothing listens there, which refuses by itself.
      std::vector<std::string> first;
      if (!service.external_local()) first.push_back(kSetMark);
      AddChain("node" + name, service, protocol, outside.targets, std::move(first));
      ruleset_.elements["nodeport" + family][absl::StrCat(protocol, " . ", port.node_port())] =
          "goto node" + name;
      AddHairpins(outside.targets, family);
    }
  }

  void AddHairpins(const std::vector<Target>& targets, const std::string& family) {
    for (const Target& target : targets) {
      if (!target.own) continue;
      const std::string ip = ToText(target.address);
      ruleset_.elements["hairpin" + family][absl::StrCat(ip, " . ", ip)] = "";
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
    ruleset_.chains[name] = std::move(rules);
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
      ruleset_.sets[clients] = absl::StrCat("type ", v6 ? "ipv6_addr" : "ipv4_addr",
                                            " ; size 65535 ; flags dynamic, "
                                            "timeout ; timeout ",
                                            service.affinity_seconds(), "s");
      ruleset_.chains[at] = {absl::StrCat("update @", clients, " { ", source, " }"),
                             match + Translation(targets[i])};
      rules.push_back(absl::StrCat(source, " @", clients, " goto ", at));
      choices.push_back(absl::StrCat(i, " : goto ", at));
    }
    rules.push_back(absl::StrCat("numgen random mod ", targets.size(), " vmap { ",
                                 absl::StrJoin(choices, ", "), " }"));
  }

  const ServiceTable& table_;
  const RulesetContext& context_;
  Ruleset ruleset_;
};

class Commands {
 public:
  template <typename... Parts>
  void Add(const Parts&... parts) {
    absl::StrAppend(&text_, parts..., "\n");
  }
  void AddSet(const std::string& name, const std::string& definition) {
    Add("add set ", kTable, " ", name, " { ", definition, " ; }");
  }
  void AddRules(const std::string& chain, const std::vector<std::string>& rules) {
    for (const std::string& rule : rules) Add("add rule ", kTable, " ", chain, " ", rule);
  }
  void Elements(const char* verb, const std::string& name,
                const std::map<std::string, std::string>& elements) {
    if (elements.empty()) return;
    std::vector<std::string> texts;
    for (const auto& [key, value] : elements) {
      texts.push_back(value.empty() ? key : absl::StrCat(key, " : ", value));
    }
    Add(verb, " element ", kTable, " ", name, " { ", absl::StrJoin(texts, ", "), " }");
  }
  bool empty() const { return text_.empty(); }
  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

void AddBase(Commands& commands) {
  const auto add_map = [&commands](const Base& map) {
    commands.Add("add map ", kTable, " ", map.name, " { ", map.definition, " ; }");
  };
  for (const Base& map : kMaps) add_map(map);
  for (const Base& map : kHostPortMaps) add_map(map);
  for (const Base& set : kSets) commands.AddSet(set.name, set.definition);
  for (const Base& set : kHostPortSets) commands.AddSet(set.name, set.definition);
  for (const char* chain : kBaseChains) commands.Add("add chain ", kTable, " ", chain);
  for (const Base& hook : kHooks) {
    commands.Add("add chain ", kTable, " ", hook.name, " { ", hook.definition, " ; }");
  }
  for (const auto& [chain, rule] : kBaseRules) commands.AddRules(chain, {rule});
}

// Those of `a` that are missing in `b`, or are others there.
template <typename Value>
std::map<std::string, Value> Missing(const std::map<std::string, Value>& a,
                                     const std::map<std::string, Value>& b) {
  std::map<std::string, Value> missing;
  for (const auto& [key, value] : a) {
    const auto found = b.find(key);
    if (found == b.end() || found->second != value) missing.emplace(key, value);
  }
  return missing;
}

void ChangeElements(const SetElements& now, const SetElements& next, const Base& holder,
                    Commands& commands) {
  static const std::map<std::string, std::string> kNone;
  const auto of = [&holder](const SetElements& all) -> const std::map<std::string, std::string>& {
    const auto found = all.find(holder.name);
    return found == all.end() ? kNone : found->second;
  };
  auto old = Missing(of(now), of(next));
  for (auto& [key, value] : old) value.clear();
  commands.Elements("delete", holder.name, old);
  commands.Elements("add", holder.name, Missing(of(next), of(now)));
}

void ChangeHostPorts(const SetElements& now, const SetElements& next, Commands& commands) {
  for (const Base& map : kHostPortMaps) ChangeElements(now, next, map, commands);
  for (const Base& set : kHostPortSets) ChangeElements(now, next, set, commands);
}

// The elements in what nftables prints of one map or set.
std::map<std::string, std::string> ReadElements(absl::string_view text) {
  std::map<std::string, std::string> elements;
  constexpr absl::string_view kBegin = "elements = {";
  const size_t begin = text.find(kBegin);
  if (begin == absl::string_view::npos) return elements;
  text.remove_prefix(begin + kBegin.size());
  text = text.substr(0, text.find('}'));
  for (const absl::string_view element : absl::StrSplit(text, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(element, absl::MaxSplits(" : ", 1));
    const std::string key(absl::StripAsciiWhitespace(parts.first));
    if (!key.empty()) elements[key] = std::string(absl::StripAsciiWhitespace(parts.second));
  }
  return elements;
}

}  // namespace

Ruleset MakeRuleset(const ServiceTable& table, const RulesetContext& context) {
  Ruleset ruleset = Maker(table, context).Make();
  ruleset.revision = table.revision();
  return ruleset;
}

namespace {

// The mark up to the revision.
std::string MarkOfContents(const Ruleset& ruleset) {
  // FNV-1a: it tells our own rulesets apart, nobody else's.
  uint64_t hash = 0xcbf29ce484222325u;
  const auto mix = [&hash](const std::string& text) {
    for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 0x100000001b3u;
    hash = (hash ^ 0xff) * 0x100000001b3u;
  };
  const auto mix_base = [&mix](const auto& all) {
    for (const Base& each : all) mix(absl::StrCat(each.name, " ", each.definition));
  };
  mix_base(kMaps);
  mix_base(kHostPortMaps);
  mix_base(kSets);
  mix_base(kHostPortSets);
  mix_base(kHooks);
  for (const auto& [chain, rule] : kBaseRules) mix(absl::StrCat(chain, " ", rule));
  for (const auto& [name, definition] : ruleset.sets) mix(absl::StrCat(name, " ", definition));
  for (const auto& [name, rules] : ruleset.chains) {
    mix(absl::StrCat(name, " ", absl::StrJoin(rules, ";")));
  }
  for (const auto& [name, elements] : ruleset.elements) {
    for (const auto& [key, value] : elements) mix(absl::StrCat(name, " ", key, " ", value));
  }
  return absl::StrCat(kMarkPrefix, absl::Hex(hash, absl::kZeroPad16), "-");
}

}  // namespace

std::string MarkOf(const Ruleset& ruleset) {
  return absl::StrCat(MarkOfContents(ruleset), ruleset.revision);
}

Inheritance CompareInherited(absl::string_view listing, const Ruleset& wanted) {
  if (listing.empty()) return {wanted.empty() ? Inherited::kAsWanted : Inherited::kOther, 0};
  constexpr absl::string_view kChain = "chain ";
  const size_t at = listing.find(absl::StrCat(kChain, kMarkPrefix));
  if (at == absl::string_view::npos) return {};
  absl::string_view mark = listing.substr(at + kChain.size());
  mark = mark.substr(0, mark.find_first_of(" {\n"));
  const size_t dash = mark.rfind('-');
  int64_t revision = 0;
  if (!absl::SimpleAtoi(mark.substr(dash + 1), &revision)) return {};
  if (mark.substr(0, dash + 1) == MarkOfContents(wanted)) return {Inherited::kAsWanted, revision};
  return {revision > wanted.revision ? Inherited::kNewer : Inherited::kOther, revision};
}

SetElements HostPortElements(const HostPortTable& table, const std::vector<IpAddress>& except,
                             const std::set<std::string>& loopback_ways) {
  SetElements all;
  for (const auto& [key, lead] : table) {
    const char* family = key.v6 ? "6" : "4";
    const std::string to = ToText(lead.to.address);
    const std::string port = absl::StrCat(key.protocol, " . ", key.port);
    const std::string place = absl::StrCat(to, " . ", lead.to.port);
    if (key.address) {
      all[absl::StrCat("hostport-at", family)][absl::StrCat(ToText(*key.address), " . ", port)] =
          place;
    } else {
      all[absl::StrCat("hostport", family)][port] = place;
    }
    all[absl::StrCat("hostport-pods", family)][absl::StrCat(to, " . ", to)] = "";
  }
  for (const std::string& way : loopback_ways) {
    all[kLoopbackWays][absl::StrCat("\"", way, "\"")] = "";
  }
  if (table.empty()) return all;
  for (const IpAddress& address : except) {
    all[address.v6 ? "hostport-not6" : "hostport-not4"][ToText(address)] = "";
  }
  return all;
}

std::optional<SetElements> ReadHostPortElements(absl::string_view listing) {
  SetElements all;
  const auto read = [&](const char* kind, const Base& holder) {
    const size_t at = listing.find(absl::StrCat("\t", kind, " ", holder.name, " {"));
    if (at == absl::string_view::npos) return false;
    absl::string_view text = listing.substr(at);
    text = text.substr(0, text.find("\n\t}"));
    std::map<std::string, std::string> elements = ReadElements(text);
    if (!elements.empty()) all[holder.name] = std::move(elements);
    return true;
  };
  for (const Base& map : kHostPortMaps) {
    if (!read("map", map)) return std::nullopt;
  }
  for (const Base& set : kHostPortSets) {
    if (!read("set", set)) return std::nullopt;
  }
  return all;
}

std::set<std::string> LoopbackWaysIn(const SetElements& host_ports) {
  std::set<std::string> names;
  const auto found = host_ports.find(kLoopbackWays);
  if (found == host_ports.end()) return names;
  for (const auto& [quoted, nothing] : found->second) {
    names.insert(quoted.substr(1, quoted.size() - 2));
  }
  return names;
}

std::string HostPortCommands(const SetElements& now, const SetElements& next) {
  Commands commands;
  ChangeHostPorts(now, next, commands);
  return commands.Take();
}

std::string ReplaceCommands(const Ruleset& next) {
  Commands commands;
  // Deleting what is not there would fail.
  commands.Add("add table ", kTable);
  commands.Add("delete table ", kTable);
  if (next.empty()) return commands.Take();
  commands.Add("add table ", kTable);
  AddBase(commands);
  for (const auto& [name, definition] : next.sets) commands.AddSet(name, definition);
  // All of them before any rule that jumps to one.
  for (const auto& [name, rules] : next.chains) commands.Add("add chain ", kTable, " ", name);
  for (const auto& [name, rules] : next.chains) commands.AddRules(name, rules);
  for (const auto& [name, elements] : next.elements) commands.Elements("add", name, elements);
  for (const auto& [name, elements] : next.host_ports) commands.Elements("add", name, elements);
  commands.Add("add chain ", kTable, " ", MarkOf(next));
  return commands.Take();
}

std::string ChangeCommands(const Ruleset& now, const Ruleset& next) {
  if (now == next) return "";
  if (now.empty() || next.empty()) return ReplaceCommands(next);
  Commands commands;
  for (const auto& [name, definition] : Missing(next.sets, now.sets)) {
    // Another timeout is another set.
    if (now.sets.contains(name)) return ReplaceCommands(next);
    commands.AddSet(name, definition);
  }
  const auto changed = Missing(next.chains, now.chains);
  for (const auto& [name, rules] : changed) {
    commands.Add(now.chains.contains(name) ? "flush" : "add", " chain ", kTable, " ", name);
  }
  for (const auto& [name, rules] : changed) commands.AddRules(name, rules);
  for (const Base& map : kMaps) ChangeElements(now.elements, next.elements, map, commands);
  for (const Base& set : kSets) ChangeElements(now.elements, next.elements, set, commands);
  ChangeHostPorts(now.host_ports, next.host_ports, commands);
  std::vector<std::string> gone;
  for (const auto& [name, rules] : now.chains) {
    if (!next.chains.contains(name)) gone.push_back(name);
  }
  // They may jump to each other.
  for (const std::string& name : gone) commands.Add("flush chain ", kTable, " ", name);
  for (const std::string& name : gone) commands.Add("delete chain ", kTable, " ", name);
  for (const auto& [name, definition] : now.sets) {
    if (!next.sets.contains(name)) commands.Add("delete set ", kTable, " ", name);
  }
  if (MarkOf(now) != MarkOf(next)) {
    commands.Add("delete chain ", kTable, " ", MarkOf(now));
    commands.Add("add chain ", kTable, " ", MarkOf(next));
  }
  return commands.Take();
}

}  // namespace muster::agent
