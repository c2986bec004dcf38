#pragma once

#include <set>
#include <string>

#include "muster/v1/pod.pb.h"

namespace muster::agent {

// Where containers mount something else inside this volume, as paths below its root: a runtime
// cannot make these places itself in a volume that it mounts read-only. Pure.
std::set<std::string> NestedMountPoints(const v1::PodSpec& spec, const std::string& volume);

}  // namespace muster::agent
