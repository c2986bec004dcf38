#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/network/service_table.h"
#include "common/base/ip_address.h"

namespace muster::agent {

// How a pod of this node fares, as the node itself sees it. A plain value.
struct OwnPod {
  std::vector<IpAddress> addresses;  // None: it cannot be reached (yet, or any more).
  bool ready = false;
  bool terminating = false;
  bool operator==(const OwnPod&) const = default;
};

// All pods of this node that have not come to their end, by namespace and name.
using OwnPods = std::map<std::pair<std::string, std::string>, OwnPod>;

// The table with what `node` knows of its own pods before anybody else does: their addresses, and
// whether they are ready. A place whose pod is not among `pods`, or has no address of the place's
// family, is none. All else is the coordinator's to say: which pods are behind a Service, by which
// ports, that one is to go, and how those of other nodes fare. Places that are no pods stay as they
// are.
//
// The same object when nothing is different, and entries that stay are the same objects. Pure.
std::shared_ptr<const ServiceTable> WithOwnPods(std::shared_ptr<const ServiceTable> table,
                                                const std::string& node, const OwnPods& pods);

}  // namespace muster::agent
