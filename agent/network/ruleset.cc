#include "agent/network/ruleset.h"

#include <algorithm>
#include <cstdint>
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

// FNV-1a: it tells our own rulesets apart, nobody else's.
class Digest {
 public:
  template <typename... Parts>
  void Mix(const Parts&... parts) {
    (MixPart(parts), ...);
    value_ = (value_ ^ 0xff) * kPrime;
  }
  uint64_t value() const { return value_; }

 private:
  static constexpr uint64_t kPrime = 0x100000001b3u;
  void MixPart(absl::string_view text) {
    for (const char c : text) value_ = (value_ ^ static_cast<uint8_t>(c)) * kPrime;
    value_ = (value_ ^ 0xfe) * kPrime;
  }
  uint64_t value_ = 0xcbf29ce484222325u;
};

uint64_t DigestOf(const ServiceRules& rules) {
  Digest digest;
  for (const auto& [name, definition] : rules.sets) digest.Mix(name, definition);
  for (const auto& [name, lines] : rules.chains) {
    digest.Mix(name);
    for (const std::string& line : lines) digest.Mix(line);
  }
  return digest.value();
}

// The mark up to the revision.
std::string MarkOfContents(const Ruleset& ruleset) {
  Digest digest;
  const auto mix_base = [&digest](const auto& all) {
    for (const Base& each : all) digest.Mix(each.name, each.definition);
  };
  mix_base(kMaps);
  mix_base(kHostPortMaps);
  mix_base(kSets);
  mix_base(kHostPortSets);
  mix_base(kHooks);
  for (const auto& [chain, rule] : kBaseRules) digest.Mix(chain, rule);
  for (const auto& [service, part] : ruleset.services) {
    digest.Mix(service, absl::StrCat(part->digest));
  }
  for (const auto& [name, elements] : ruleset.elements) {
    for (const auto& [key, value] : elements) digest.Mix(name, key, value);
  }
  return absl::StrCat(kMarkPrefix, absl::Hex(digest.value(), absl::kZeroPad16), "-");
}

// What makes one ruleset of another, beside elements. Borrows from both.
struct Difference {
  std::map<std::string, const std::vector<std::string>*> new_chains, changed_chains;
  std::map<std::string, std::string> new_sets;
  std::vector<std::string> gone_chains, gone_sets;
  bool replaced_set = false;  // There is one of another definition: another timeout, for example.
};

void Compare(const ServiceRules& now, const ServiceRules& next, Difference& all) {
  for (const auto& [name, definition] : next.sets) {
    const auto found = now.sets.find(name);
    if (found == now.sets.end()) {
      all.new_sets.emplace(name, definition);
    } else if (found->second != definition) {
      all.replaced_set = true;
    }
  }
  for (const auto& [name, rules] : next.chains) {
    const auto found = now.chains.find(name);
    if (found == now.chains.end()) {
      all.new_chains.emplace(name, &rules);
    } else if (found->second != rules) {
      all.changed_chains.emplace(name, &rules);
    }
  }
  for (const auto& [name, rules] : now.chains) {
    if (!next.chains.contains(name)) all.gone_chains.push_back(name);
  }
  for (const auto& [name, definition] : now.sets) {
    if (!next.sets.contains(name)) all.gone_sets.push_back(name);
  }
}

// Looks only into parts that are not the same object.
Difference Compare(const Ruleset& now, const Ruleset& next) {
  static const ServiceRules kNothing;
  Difference all;
  auto old = now.services.begin();
  auto its = next.services.begin();
  while (old != now.services.end() || its != next.services.end()) {
    const bool is_gone =
        its == next.services.end() || (old != now.services.end() && old->first < its->first);
    const bool is_new = !is_gone && (old == now.services.end() || its->first < old->first);
    if (is_gone) {
      Compare((old++)->second->rules, kNothing, all);
    } else if (is_new) {
      Compare(kNothing, (its++)->second->rules, all);
    } else {
      if (old->second != its->second) Compare(old->second->rules, its->second->rules, all);
      ++old, ++its;
    }
  }
  return all;
}

void AddContext(const RulesetContext& context, SetElements& elements) {
  const auto add = [&elements](const std::string& set, const IpRange& range) {
    elements[absl::StrCat(set, range.base.v6 ? "6" : "4")][ToText(range)] = "";
  };
  for (const IpRange& range : context.own_pods) add("own-pods", range);
  if (context.own_pods.empty()) return;
  for (const IpRange& range : context.fleet_pods) add("fleet-pods", range);
  // What many get at once is answered to nobody's address.
  for (const char* multicast : {"224.0.0.0/4", "ff00::/8"}) {
    add("fleet-pods", *ParseIpRange(multicast));
  }
}

}  // namespace

bool Ruleset::operator==(const Ruleset& other) const {
  const auto same = [](const auto& a, const auto& b) {
    return a.first == b.first && (a.second == b.second || a.second->rules == b.second->rules);
  };
  return std::ranges::equal(services, other.services, same) && elements == other.elements &&
         host_ports == other.host_ports;
}

Ruleset RulesetMaker::Make(const ServiceTable& table, const RulesetContext& context) {
  if (std::exchange(node_, context.node) != context.node) sources_.clear();
  made_ = 0;
  Ruleset ruleset;
  ruleset.revision = table.revision();
  std::map<std::string, Source> sources;
  for (const auto& [key, service] : table.services()) {
    if (service->cluster_ips().empty()) continue;
    Source source{service, table.SlicesOf(key), nullptr};
    const auto known = sources_.find(key);
    if (known != sources_.end()) source.part = known->second.part;
    if (known == sources_.end() || known->second.service != source.service ||
        known->second.slices != source.slices) {
      ++made_;
      ServiceRules rules =
          RulesOf(*service, table.PlacesOf(service->namespace_(), service->name()), node_);
      // What comes out is often the same, and then it stays the same object, too.
      if (source.part == nullptr || source.part->rules != rules) {
        const uint64_t digest = DigestOf(rules);
        source.part =
            std::make_shared<const Ruleset::Part>(Ruleset::Part{std::move(rules), digest});
      }
    }
    for (const auto& [set, elements] : source.part->rules.elements) {
      for (const auto& [name, value] : elements) ruleset.elements[set][name] = value;
    }
    if (!source.part->rules.empty()) ruleset.services.emplace(key, source.part);
    sources.emplace_hint(sources.end(), key, std::move(source));
  }
  sources_ = std::move(sources);
  AddContext(context, ruleset.elements);
  if (ruleset.empty() && !context.host_ports) return ruleset;
  for (const std::string& bridge : context.bridges) {
    const std::string quoted = absl::StrCat("\"", bridge, "\"");
    ruleset.elements["bridges"][absl::StrCat(quoted, " . ", quoted)] = "";
  }
  return ruleset;
}

Ruleset MakeRuleset(const ServiceTable& table, const RulesetContext& context) {
  return RulesetMaker().Make(table, context);
}

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
  const Difference all = Compare({}, next);
  for (const auto& [name, definition] : all.new_sets) commands.AddSet(name, definition);
  // All of them before any rule that jumps to one.
  for (const auto& [name, rules] : all.new_chains) commands.Add("add chain ", kTable, " ", name);
  for (const auto& [name, rules] : all.new_chains) commands.AddRules(name, *rules);
  for (const auto& [name, elements] : next.elements) commands.Elements("add", name, elements);
  for (const auto& [name, elements] : next.host_ports) commands.Elements("add", name, elements);
  commands.Add("add chain ", kTable, " ", MarkOf(next));
  return commands.Take();
}

std::string ChangeCommands(const Ruleset& now, const Ruleset& next) {
  if (now == next) return "";
  if (now.empty() || next.empty()) return ReplaceCommands(next);
  const Difference all = Compare(now, next);
  if (all.replaced_set) return ReplaceCommands(next);
  Commands commands;
  for (const auto& [name, definition] : all.new_sets) commands.AddSet(name, definition);
  for (const auto& [name, rules] : all.new_chains) commands.Add("add chain ", kTable, " ", name);
  for (const auto& [name, rules] : all.changed_chains) {
    commands.Add("flush chain ", kTable, " ", name);
  }
  for (const auto& [name, rules] : all.new_chains) commands.AddRules(name, *rules);
  for (const auto& [name, rules] : all.changed_chains) commands.AddRules(name, *rules);
  for (const Base& map : kMaps) ChangeElements(now.elements, next.elements, map, commands);
  for (const Base& set : kSets) ChangeElements(now.elements, next.elements, set, commands);
  ChangeHostPorts(now.host_ports, next.host_ports, commands);
  // They may jump to each other.
  for (const std::string& name : all.gone_chains) commands.Add("flush chain ", kTable, " ", name);
  for (const std::string& name : all.gone_chains) commands.Add("delete chain ", kTable, " ", name);
  for (const std::string& name : all.gone_sets) commands.Add("delete set ", kTable, " ", name);
  const std::string mark = MarkOf(now), next_mark = MarkOf(next);
  if (mark != next_mark) {
    commands.Add("delete chain ", kTable, " ", mark);
    commands.Add("add chain ", kTable, " ", next_mark);
  }
  return commands.Take();
}

}  // namespace muster::agent
