#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "agent/workload/observed.h"
#include "common/model/resources.h"
#include "muster/v1/container.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

enum class Resize {
  kNone,     // It has what its specification says.
  kInPlace,  // The runtime is to be told.
  kRestart,  // Its resizePolicy wants another instance for this resource.
};

// What a running instance needs to have the cpu and memory of `wanted`. `made_with` are those of
// the specification it was made from; an instance of an agent that did not write them down is only
// looked at when the pod was changed since it was made, by its `generation`, and never restarted.
// Pure.
Resize ResizeNeeded(const v1::Container& wanted,
                    const std::optional<v1::ResourceRequirements>& made_with, int64_t generation);

// The same text for the same cpu and memory.
std::string ResizeTarget(const v1::ResourceRequirements& resources);

// `wanted` with the cpu and memory that its containers have in the place of what they are to have.
// Of a container that has never been there, or whose instance does not tell, it is the latter.
// Pure.
v1::Pod WithWhatItHas(const v1::Pod& wanted, const ObservedPod& observed);

// Why a pod cannot be given what it is to have, as kubelet words it.
struct ResizeRefusal {
  std::string reason;  // "Infeasible": never on this node. "Deferred": not while others have it.
  std::string message;
};
// Whether a node of `allocatable`, of which other pods have `others`, can give a pod the cpu and
// memory of `wanted` where it has those of `has`. What is no more than before always can be had; a
// resource that `allocatable` does not name is not limited. Pure.
std::optional<ResizeRefusal> JudgeResize(const v1::PodSpec& wanted, const v1::PodSpec& has,
                                         const model::ResourceAmounts& others,
                                         const model::ResourceAmounts& allocatable);

}  // namespace muster::agent
