#pragma once

namespace muster::model {

// In status.declaredFeatures of a node whose agent keeps the network of its pods itself, and needs
// subnets for that (spec.podCIDRs).
inline constexpr char kBridgeNetworkFeature[] = "MusterBridgeNetwork";

}  // namespace muster::model
