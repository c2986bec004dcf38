#pragma once

#include <map>
#include <string>
#include <vector>

#include "agent/network/service_table.h"
#include "muster/network/v1/table.pb.h"

namespace muster::agent {

// Elements of maps and sets: name -> key -> value, or nothing.
using SetElements = std::map<std::string, std::map<std::string, std::string>>;

// What one Service adds to `table inet muster`. No other Service has chains and sets of these
// names; elements may be another one's, too. A plain value.
struct ServiceRules {
  std::map<std::string, std::string> sets;                 // Name -> definition.
  std::map<std::string, std::vector<std::string>> chains;  // Name -> rules.
  SetElements elements;                                    // Of the maps that are always there.

  bool empty() const { return sets.empty() && chains.empty() && elements.empty(); }
  bool operator==(const ServiceRules&) const = default;
};

// Kubernetes' rules of service proxies: a connection to a Service's address or node port goes to
// one of its ready places, chosen at random; to those that are going when no other is left; with
// sessionAffinity to the one as before, as long as there is one. internalTrafficPolicy and
// externalTrafficPolicy Local: only to places of this node; nowhere when there is none. Without any
// place at all the connection is refused. `node` is this one's name. Pure.
ServiceRules RulesOf(const network::v1::Service& service, const std::vector<ServicePlace>& places,
                     const std::string& node);

}  // namespace muster::agent
