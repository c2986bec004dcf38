#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "muster/v1/node.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::model {

inline constexpr std::string_view kNoSchedule = "NoSchedule";
inline constexpr std::string_view kPreferNoSchedule = "PreferNoSchedule";
inline constexpr std::string_view kNoExecute = "NoExecute";

inline constexpr std::string_view kNotReadyTaint = "node.kubernetes.io/not-ready";
inline constexpr std::string_view kUnreachableTaint = "node.kubernetes.io/unreachable";
inline constexpr std::string_view kDiskPressureTaint = "node.kubernetes.io/disk-pressure";
inline constexpr std::string_view kMemoryPressureTaint = "node.kubernetes.io/memory-pressure";
inline constexpr std::string_view kPidPressureTaint = "node.kubernetes.io/pid-pressure";
inline constexpr std::string_view kUnschedulableTaint = "node.kubernetes.io/unschedulable";
inline constexpr std::string_view kNetworkUnavailableTaint =
    "node.kubernetes.io/network-unavailable";

using Taints = google::protobuf::RepeatedPtrField<v1::Taint>;
using Tolerations = google::protobuf::RepeatedPtrField<v1::Toleration>;

// Kubernetes' rule: effect and key are empty or equal, and the operator holds: Exists always,
// Equal (or empty) for an equal value, Gt/Lt when both values are integers and the taint's is the
// greater/lesser. tolerationSeconds plays no role.
bool Tolerates(const v1::Toleration& toleration, const v1::Taint& taint);

// For how many seconds the taint is tolerated: the least tolerationSeconds of the tolerations that
// match it and set it; nothing when none does, which is for ever if it is tolerated at all.
std::optional<int64_t> TolerationSeconds(const Tolerations& tolerations, const v1::Taint& taint);

// The first taint with this effect that nothing tolerates; null when there is none.
const v1::Taint* FindUntolerated(const Tolerations& tolerations, const Taints& taints,
                                 std::string_view effect);

// Appends what Kubernetes adds to every daemon pod, so that it stays on a sick node. One of the
// user's with the same key, operator, effect and value is replaced in place.
void AddDaemonTolerations(bool host_network, Tolerations& tolerations);

}  // namespace muster::model
