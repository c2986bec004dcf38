#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/model/quantity.h"
#include "muster/v1/pod.pb.h"

namespace muster::model {

// Amounts by resource name: "cpu" in cores, "memory" in bytes, "vendor/device" in pieces.
using ResourceAmounts = std::map<std::string, Quantity>;
using ResourceMap = google::protobuf::Map<std::string, v1::Quantity>;

// Texts that are no quantities count as zero; validation has refused them before.
ResourceAmounts ToAmounts(const ResourceMap& resources);

// An init container that keeps running beside the regular ones.
bool IsSidecar(const v1::Container& init_container);

// What has to be free on a node for the pod, by Kubernetes' rule: the larger of what its regular
// containers and sidecars need together and what any init container needs beside the sidecars
// before it; the pod's own requests win over that for cpu, memory and huge pages; then its
// overhead. Limits never count.
ResourceAmounts PodRequests(const v1::PodSpec& pod);

// "Guaranteed", "Burstable" or "BestEffort".
std::string_view QosClass(const v1::PodSpec& pod);

}  // namespace muster::model
