#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "common/manifest/diagnostic.h"
#include "common/manifest/source_map.h"
#include "google/protobuf/message.h"
#include "muster/v1/object.pb.h"

namespace muster::manifest {

// Bounds that keep a hostile text from using memory or stack without end.
struct DecodeLimits {
  size_t bytes_max = 3 << 20;     // Of one text. Kubernetes takes requests up to 3 MiB.
  size_t expanded_max = 8 << 20;  // Of one document once its aliases are written out.
  size_t values_max = 250'000;    // Scalars, lists and mappings of one document, likewise.
  int depth_max = 100;            // Of lists and mappings inside each other.
  size_t diagnostics_max = 1000;  // Further findings are only counted.
};

struct DecodeOptions {
  // Documents of kinds Muster does not run are errors instead of being skipped.
  bool strict = false;
  DecodeLimits limits;
};

// One object of a manifest, converted to the current API version.
struct Document {
  v1::Object object;
  SourceMap source;
};

struct Decoded {
  // Those without errors, in the order they were written. Lists are taken apart.
  std::vector<Document> documents;
  // All findings in all documents.
  Diagnostics diagnostics;
};

// Reads a manifest: one or more YAML or JSON documents. `file_name` is only used in findings.
//
// Text is read as kubectl reads it (YAML 1.1: `on` is a boolean, 0644 is octal). Every field has
// to be known and of its type, no key may occur twice; null means unset. Nothing is defaulted,
// except what older API versions defaulted differently; those are converted with a warning.
// Never throws.
Decoded DecodeManifest(std::string_view file_name, std::string_view text,
                       const DecodeOptions& options = {});

enum class UnknownFields { kRefuse, kIgnore };

// Reads stored or transmitted JSON into a cleared `message`. InvalidArgument, naming the field
// path, when it does not fit.
absl::Status DecodeJson(std::string_view json, google::protobuf::Message& message,
                        UnknownFields unknown = UnknownFields::kRefuse);

}  // namespace muster::manifest
