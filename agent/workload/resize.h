#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "muster/v1/container.pb.h"

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

}  // namespace muster::agent
