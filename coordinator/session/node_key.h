#pragma once

#include <string>

#include "absl/status/status.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

// May who has this key speak for the node? A certificate lives long and says a name only; whose the
// name is now stands in the Node object. So the certificate of a host that was replaced, or removed
// and enrolled anew, is worth nothing, however long it is still valid. Unauthenticated then. Pure.
absl::Status CheckNodeKey(const v1::Node& node, const std::string& key_hash);

}  // namespace muster::coordinator
