#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/base/clock.h"
#include "common/manifest/decode.h"
#include "gtest/gtest.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// "2023-11-14T22:13:20Z", which all of these tests call now.
constexpr WallTime kNow{std::chrono::seconds(1'700'000'000)};

// The objects of a manifest that has to be right.
inline std::vector<v1::Object> ObjectsFromYaml(std::string_view yaml) {
  manifest::Decoded decoded = manifest::DecodeManifest("test.yaml", yaml);
  for (const manifest::Diagnostic& each : decoded.diagnostics) {
    if (each.severity == manifest::Severity::kError) ADD_FAILURE() << manifest::ToString(each);
  }
  std::vector<v1::Object> objects;
  for (manifest::Document& document : decoded.documents) {
    objects.push_back(std::move(document.object));
  }
  return objects;
}

inline v1::Object ObjectFromYaml(std::string_view yaml) {
  std::vector<v1::Object> objects = ObjectsFromYaml(yaml);
  if (objects.size() != 1) {
    ADD_FAILURE() << objects.size() << " objects in " << yaml;
    return v1::Object();
  }
  return objects.front();
}

}  // namespace muster::coordinator
