#pragma once

#include <string>

#include "common/manifest/encode.h"
#include "common/manifest/value.h"

namespace muster::manifest {

// JSON text with sorted keys; of equal keys the first one is written. Numbers that JSON does not
// know and bytes that are not UTF-8 come out as null and U+FFFD.
std::string WriteJson(const Value& value, JsonForm form);

}  // namespace muster::manifest
