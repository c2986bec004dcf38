#pragma once

#include <optional>

#include "muster/network/v1/table.pb.h"
#include "muster/v1/cluster.pb.h"
#include "muster/v1/endpoints.pb.h"
#include "muster/v1/node.pb.h"

namespace muster::coordinator {

// What agents are told of Services: objects boiled down to entries of the table, without their
// versions. Pure.

network::v1::Service Condense(const v1::Service& service);
// Nothing for one that is no Service's, or has no IP addresses.
std::optional<network::v1::Slice> Condense(const v1::EndpointSlice& slice);
// Nothing for a node without a subnet for its pods.
std::optional<network::v1::Node> Condense(const v1::Node& node);

}  // namespace muster::coordinator
