#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "agent/network/host_port_table.h"
#include "agent/network/service_rules.h"
#include "agent/network/service_table.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// What the ruleset depends on beside the table. Plain value.
struct RulesetContext {
  std::string node;
  // Bridges of this host, when the kernel does not show bridged packets to nftables: what comes
  // back over one would pass by the translation, so such connections get the host's address.
  std::vector<std::string> bridges;
  bool host_ports = false;  // There are such, whether there are Services or not.
  // With a network of our own: what leaves the fleet from these subnets gets the host's address.
  std::vector<IpRange> own_pods, fleet_pods;

  bool operator==(const RulesetContext&) const = default;
};

// All that Muster has in nftables: the contents of `table inet muster`, and nothing else. A plain
// value, so that two of them can be compared, and the difference written.
struct Ruleset {
  // What one Service adds. Rulesets made one after the other share what did not change.
  struct Part {
    ServiceRules rules;
    uint64_t digest = 0;  // Of its chains and sets.
  };
  std::map<std::string, std::shared_ptr<const Part>> services;  // By namespace/name.
  SetElements elements;  // Of the maps and sets that are always there: those of Services, too.
  // Likewise, of what leads host ports to pods. It follows from the pods of this node and not from
  // the table of Services, so the mark says nothing of it.
  SetElements host_ports;
  // Of the table it was made of. Not part of what is compared: most revisions change no rule.
  int64_t revision = 0;

  bool empty() const { return services.empty() && elements.empty() && host_ports.empty(); }
  bool operator==(const Ruleset& other) const;
};

// Makes rulesets of tables, one after the other: of each Service only when it, one of its slices or
// the node's name is another one than before. What comes out is what MakeRuleset makes. It does no
// I/O; one owner at a time.
class RulesetMaker {
 public:
  Ruleset Make(const ServiceTable& table, const RulesetContext& context);
  // Services of which something was made by the last call.
  int made() const { return made_; }

 private:
  struct Source {
    ServiceTable::ServiceEntry service;
    std::vector<ServiceTable::SliceEntry> slices;
    std::shared_ptr<const Ruleset::Part> part;
  };
  std::string node_;
  std::map<std::string, Source> sources_;
  int made_ = 0;
};

// The rules of all Services (see RulesOf), and what the node itself needs. Pure.
Ruleset MakeRuleset(const ServiceTable& table, const RulesetContext& context);

// What leads the host's ports to pods, not those of its addresses in `except`, where the agent
// itself answers. `loopback_ways` are the interfaces whose switch is ours (see OpenLoopbackWays):
// they are remembered here, and nothing but answers may come to 127.0.0.0/8 by them. Pure.
SetElements HostPortElements(const HostPortTable& table, const std::vector<IpAddress>& except,
                             const std::set<std::string>& loopback_ways);
// What of it there is in a table, as nftables prints that; nothing when the table has no place for
// it, or there is none.
std::optional<SetElements> ReadHostPortElements(absl::string_view listing);
std::set<std::string> LoopbackWaysIn(const SetElements& host_ports);

// The commands that put `next` where nothing of ours, or anything, may be: one transaction. An
// empty ruleset leaves no table.
std::string ReplaceCommands(const Ruleset& next);
// Those that make `next` of `now`, which is there; "" when nothing differs. Sets that remember
// clients keep what they hold.
std::string ChangeCommands(const Ruleset& now, const Ruleset& next);
// Likewise, of host ports alone, in a table that has a place for them.
std::string HostPortCommands(const SetElements& now, const SetElements& next);

// The name of a chain that stands for the whole: which ruleset is there, and which revision brought
// it. An agent that starts finds out by it whether there is anything to do.
std::string MarkOf(const Ruleset& ruleset);

// What an agent does that has just started, about a table that another one left.
enum class Inherited {
  kAsWanted,  // It holds this ruleset.
  kNewer,     // It is ahead of what was kept on disk, so it stays until the coordinator has spoken.
  kOther,     // It has to be replaced.
};
struct Inheritance {
  Inherited state = Inherited::kOther;
  int64_t revision = 0;  // That brought what is there; 0: nothing of ours is.
};
// `listing` is what nftables prints of the table, "" when there is none.
Inheritance CompareInherited(absl::string_view listing, const Ruleset& wanted);

}  // namespace muster::agent
