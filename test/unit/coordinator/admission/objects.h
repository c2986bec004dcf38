#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/manifest/decode.h"
#include "coordinator/admission/problem.h"
#include "gtest/gtest.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// The one object of a manifest that has to be right.
inline v1::Object FromYaml(std::string_view yaml) {
  manifest::Decoded decoded = manifest::DecodeManifest("test.yaml", yaml);
  for (const manifest::Diagnostic& each : decoded.diagnostics) {
    if (each.severity == manifest::Severity::kError) ADD_FAILURE() << manifest::ToString(each);
  }
  if (decoded.documents.size() != 1) {
    ADD_FAILURE() << decoded.documents.size() << " objects in " << yaml;
    return v1::Object();
  }
  return decoded.documents.front().object;
}

// A DaemonSet with nothing but what it needs.
inline v1::Object MinimalDaemonSet() {
  return FromYaml(R"(
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: web}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: main, image: "nginx:1.25"}
)");
}

inline std::vector<std::string> Texts(const std::vector<Problem>& problems) {
  std::vector<std::string> texts;
  for (const Problem& problem : problems) texts.push_back(problem.Text());
  return texts;
}

inline std::vector<std::string> Texts(const std::vector<Warning>& warnings) {
  std::vector<std::string> texts;
  for (const Warning& warning : warnings) texts.push_back(warning.path + ": " + warning.text);
  return texts;
}

}  // namespace muster::coordinator
