#pragma once

#include <chrono>
#include <string>

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

// May a host that has proved to have this key get another certificate for the node?
//
// The key is the node's identity and stays the same: it is what the Node has on record, so a host
// whose certificate ran out while it was switched off needs nobody to let it in again. That holds
// until `window` after the end of the last certificate that was made for it; a disk that turns up
// years later is no node any more. A Node from before certificates were noted has none that ended.
//
// Unauthenticated: it is not this node's key (any more): the node was removed, joined anew
// elsewhere or revoked. PermissionDenied: it was away for too long. Both say what to do. Pure.
absl::Status CheckRenewal(const v1::Node& node, const std::string& key_hash, WallTime now,
                          std::chrono::seconds window);

// The same answer for a node that is not there, so that nobody learns which ones are.
absl::Status NotThisNodesKey(const std::string& node_name);

}  // namespace muster::coordinator
