#include "agent/doctor/firewall.h"

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace muster::agent {
namespace {

using Words = std::vector<std::string>;

// Chains jump to each other, but not that deep.
constexpr int kDepthMax = 16;

struct Chain {
  bool forwards = false;  // It is called for what is forwarded.
  bool drops_rest = false;
  std::vector<Words> rules;
};

struct Table {
  std::string family, name;
  std::map<std::string, Chain> chains;
};

// The first packet of a connection.
struct Packet {
  std::string in, out;  // Interfaces; "": any.
};

// Without what is said for people, which may have any words in it.
Words WordsOf(absl::string_view rule) {
  const size_t comment = rule.find(" comment \"");
  if (comment != absl::string_view::npos) rule = rule.substr(0, comment);
  return absl::StrSplit(rule, absl::ByAnyChar(" ,"), absl::SkipEmpty());
}

std::vector<Table> Parse(absl::string_view text) {
  std::vector<Table> tables;
  Chain* chain = nullptr;
  for (const absl::string_view raw : absl::StrSplit(text, '\n')) {
    const std::string line(absl::StripAsciiWhitespace(raw));
    const Words words = WordsOf(line);
    if (line.empty() || line[0] == '#') continue;
    if (line == "}") {
      chain = nullptr;
    } else if (words.size() >= 4 && words[0] == "table" && words.back() == "{") {
      tables.push_back({words[1], words[2], {}});
    } else if (words.size() == 3 && words[0] == "chain" && words[2] == "{" && !tables.empty()) {
      chain = &tables.back().chains[words[1]];
    } else if (chain != nullptr && words[0] == "type") {
      chain->forwards = absl::StrContains(line, " hook forward ");
      chain->drops_rest = absl::StrContains(line, "policy drop;");
    } else if (chain != nullptr) {
      chain->rules.push_back(words);
    }
  }
  return tables;
}

enum class Match { kNo, kPerhaps, kYes };

// The values that begin at `at`: one, or those in braces. Moves on behind them.
Words ValuesAt(const Words& rule, size_t& at) {
  Words values;
  if (at < rule.size() && rule[at] == "{") {
    for (++at; at < rule.size() && rule[at] != "}"; ++at) values.push_back(rule[at]);
    ++at;
  } else if (at < rule.size()) {
    values = absl::StrSplit(rule[at++], ',');
    // `established,related` is two words by now.
    while (at < rule.size() && (rule[at] == "related" || rule[at] == "established" ||
                                rule[at] == "new" || rule[at] == "untracked")) {
      values.push_back(rule[at++]);
    }
  }
  return values;
}

bool IsInterface(const std::string& quoted, const std::string& name) {
  const absl::string_view pattern = absl::StripPrefix(absl::StripSuffix(quoted, "\""), "\"");
  if (absl::EndsWith(pattern, "*")) return absl::StartsWith(name, absl::StripSuffix(pattern, "*"));
  return pattern == name;
}

// Whether the rule is for this packet, as far as that is understood.
Match Matches(const Words& rule, const Packet& packet) {
  Match match = Match::kYes;
  size_t at = 0;
  while (at < rule.size()) {
    const std::string word = rule[at++];
    if (word == "counter" || word == "packets" || word == "bytes") {
      if (word != "counter") ++at;
      continue;
    }
    const bool in = word == "iifname" || word == "iif", out = word == "oifname" || word == "oif";
    const bool state = word == "ct" && at < rule.size() && rule[at] == "state";
    if (!in && !out && !state) {
      static const Words kVerdicts = {"accept", "drop", "reject", "return", "jump", "goto"};
      if (std::ranges::find(kVerdicts, word) != kVerdicts.end()) break;
      // What was led elsewhere on its way is not what pods send.
      if (word == "ct" && at + 1 < rule.size() && rule[at] == "status" && rule[at + 1] == "dnat") {
        return Match::kNo;
      }
      match = Match::kPerhaps;
      continue;
    }
    if (state) ++at;
    const bool negated = at < rule.size() && rule[at] == "!=";
    if (negated) ++at;
    if (at < rule.size() && rule[at] == "vmap") {
      // By the state of a connection that is new nothing else is decided.
      if (state && std::ranges::find(rule, "new") == rule.end()) return Match::kNo;
      return Match::kPerhaps;
    }
    const Words values = ValuesAt(rule, at);
    const std::string& name = in ? packet.in : packet.out;
    if (!state && name.empty()) {
      match = Match::kPerhaps;
      continue;
    }
    const bool listed = std::ranges::any_of(values, [&](const std::string& value) {
      return state ? value == "new" : IsInterface(value, name);
    });
    if (listed == negated) return Match::kNo;
  }
  return match;
}

enum class Fate { kAccepted, kDropped, kReturned };

Fate Follow(const Table& table, const std::string& name, const Packet& packet, int depth) {
  const auto found = table.chains.find(name);
  if (found == table.chains.end() || depth > kDepthMax) return Fate::kAccepted;  // Not understood.
  for (const Words& rule : found->second.rules) {
    const Match match = Matches(rule, packet);
    if (match == Match::kNo) continue;
    const auto has = [&rule](const char* word) {
      return std::ranges::find(rule, word) != rule.end();
    };
    if (has("vmap")) return Fate::kAccepted;
    if (has("accept")) return Fate::kAccepted;
    const bool jumps = rule.size() >= 2 && rule[rule.size() - 2] == "jump";
    const bool goes = rule.size() >= 2 && rule[rule.size() - 2] == "goto";
    Fate fate = Fate::kReturned;
    if (jumps || goes) {
      fate = Follow(table, rule.back(), packet, depth + 1);
      if (fate == Fate::kAccepted) return fate;
      if (jumps && fate == Fate::kReturned) continue;
    } else if (has("drop") || has("reject")) {
      fate = Fate::kDropped;
    } else if (!has("return")) {
      continue;  // It only counts, logs or marks.
    }
    if (match == Match::kYes) return fate;
  }
  return Fate::kReturned;
}

}  // namespace

std::optional<ForwardBlock> FindForwardBlock(absl::string_view tables, const std::string& bridge,
                                             const std::string& uplink) {
  for (const Table& table : Parse(tables)) {
    if (table.family != "ip" && table.family != "ip6" && table.family != "inet") continue;
    for (const auto& [name, chain] : table.chains) {
      if (!chain.forwards) continue;
      for (const Packet& packet : {Packet{bridge, uplink}, Packet{uplink, bridge}}) {
        const Fate fate = Follow(table, name, packet, 0);
        if (fate == Fate::kDropped || (fate == Fate::kReturned && chain.drops_rest)) {
          return ForwardBlock{table.family, table.name, name};
        }
      }
    }
  }
  return std::nullopt;
}

std::vector<std::string> ForwardingTables(absl::string_view chains) {
  std::vector<std::string> names;
  for (const Table& table : Parse(chains)) {
    const bool forwards =
        std::ranges::any_of(table.chains, [](const auto& entry) { return entry.second.forwards; });
    if (forwards) names.push_back(absl::StrCat(table.family, " ", table.name));
  }
  return names;
}

std::string RemedyFor(const ForwardBlock& block, const std::string& bridge) {
  if (block.table == "firewalld") {
    return absl::StrCat("firewall-cmd --permanent --zone=trusted --add-interface=", bridge,
                        " && firewall-cmd --reload");
  }
  if (block.table == "filter" && block.chain == "FORWARD" && block.family != "inet") {
    const std::string insert =
        absl::StrCat(block.family == "ip6" ? "ip6tables" : "iptables", " -I FORWARD ");
    return absl::StrCat(insert, "-i ", bridge, " -j ACCEPT; ", insert, "-o ", bridge,
                        " -j ACCEPT, at each boot");
  }
  const std::string insert =
      absl::StrCat("nft insert rule ", block.family, " ", block.table, " ", block.chain);
  return absl::StrCat(insert, " iifname ", bridge, " accept; ", insert, " oifname ", bridge,
                      " accept, in the host's own rules (/etc/nftables.conf)");
}

}  // namespace muster::agent
