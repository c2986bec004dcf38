#pragma once

#include <string>
#include <string_view>

#include "common/manifest/value.h"
#include "common/model/kinds.h"
#include "muster/v1/object.pb.h"

namespace muster::manifest {

// How an object of an API version that clusters no longer serve becomes one of today.
struct LegacyKind {
  std::string_view api_version;
  std::string_view name;
  std::string_view current_api_version;
  // What this version filled in by itself, of a DaemonSet.
  bool selector_from_labels;
  bool updates_on_delete;
};

// Null when there is nothing to convert from.
const LegacyKind* FindLegacyKind(std::string_view api_version, std::string_view name);

// Before decoding: today's apiVersion, without fields that have no meaning any more. Returns what
// changes for the author, in words.
std::string ModernizeManifest(const LegacyKind& legacy, Value& manifest);

// After decoding: the defaults that version had.
void ApplyLegacyDefaults(const LegacyKind& legacy, v1::Object& object);

}  // namespace muster::manifest
