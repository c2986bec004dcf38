// Any bytes as a manifest: decoding never crashes, and what it accepts is printed in a form that
// decodes to the same object again.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "common/base/macros.h"
#include "common/manifest/decode.h"
#include "common/manifest/encode.h"
#include "common/manifest/unsupported.h"
#include "common/model/kinds.h"

namespace {

using muster::manifest::Decoded;
using muster::manifest::DecodeManifest;
using muster::manifest::DecodeOptions;

// Printing may make a text longer: aliases are written out, characters become escapes.
DecodeOptions Generous() {
  DecodeOptions options;
  options.limits.bytes_max = 256 << 20;
  options.limits.expanded_max = 256 << 20;
  options.limits.values_max = 10'000'000;
  return options;
}

void CheckStable(const muster::v1::Object& object, const std::string& printed,
                 const std::string& yaml) {
  const Decoded again = DecodeManifest("printed", printed, Generous());
  MUSTER_CHECK(!muster::manifest::HasErrors(again.diagnostics));
  MUSTER_CHECK(again.documents.size() == 1);
  MUSTER_CHECK(again.documents[0].object.object_case() == object.object_case());
  MUSTER_CHECK(muster::manifest::EncodeYaml(again.documents[0].object) == yaml);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const Decoded decoded = DecodeManifest("input", text);
  for (const muster::manifest::Diagnostic& found : decoded.diagnostics) {
    const std::string shown = muster::manifest::ToString(found);
    MUSTER_CHECK(shown.find('\n') == std::string::npos);
  }
  for (const muster::manifest::Document& document : decoded.documents) {
    const google::protobuf::Message& message = muster::model::MessageOf(document.object);
    for (const auto& field : muster::manifest::FindUnsupportedFields(message)) {
      MUSTER_CHECK(document.source.Find(field.path).line > 0);
    }
    const std::string yaml = muster::manifest::EncodeYaml(document.object);
    CheckStable(document.object, yaml, yaml);
    CheckStable(document.object, muster::manifest::EncodeJson(document.object), yaml);

    muster::v1::Object copy = document.object;
    const std::string json = muster::manifest::EncodeJson(message);
    google::protobuf::Message& target = muster::model::MutableMessageOf(copy);
    MUSTER_CHECK(muster::manifest::DecodeJson(json, target).ok());
    MUSTER_CHECK(muster::manifest::EncodeJson(target) == json);
  }
  return 0;
}
