#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace muster::agent {

// A chain of the host's firewall that lets nothing pass between the pods and the rest of the world.
struct ForwardBlock {
  std::string family, table, chain;  // "ip", "filter", "FORWARD"
  bool operator==(const ForwardBlock&) const = default;
};

// Finds it in what nftables prints of tables (that includes those of iptables-nft). `bridge` is the
// interface that pods are behind, `uplink` the one by which the host reaches others ("" when that
// is not known).
//
// Only new connections matter, either way. A rule with conditions that are not understood may let
// them pass, so what is found is really in the way, but not all that is in the way is found. Pure.
std::optional<ForwardBlock> FindForwardBlock(absl::string_view tables, const std::string& bridge,
                                             const std::string& uplink);

// The tables ("ip filter") with a chain for what is forwarded, in what nftables lists of chains.
std::vector<std::string> ForwardingTables(absl::string_view chains);

// What an administrator does about it.
std::string RemedyFor(const ForwardBlock& block, const std::string& bridge);

}  // namespace muster::agent
