#pragma once

#include <string>

#include "common/manifest/value.h"

namespace muster::manifest {

// YAML text in kubectl's layout with sorted keys; of equal keys the first one is written.
std::string WriteYaml(const Value& value);

}  // namespace muster::manifest
