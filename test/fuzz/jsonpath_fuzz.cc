// Any bytes as a template of `get -o jsonpath`: parsing never crashes, and what it accepts is
// evaluated, or refused, in the same way whether its text or its values are asked for.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "common/base/macros.h"
#include "common/manifest/reader.h"
#include "ctl/jsonpath/template.h"

namespace {

using muster::ctl::jsonpath::Template;

// Descents multiply; a longer text only means the same more often.
constexpr size_t kBytesMax = 80;

const muster::manifest::Value& Object() {
  static const auto& object = *new muster::manifest::ReadResult(muster::manifest::ReadJson(
      R"({"a": [{"b": 1, "c": "x"}, {"b": 2.5, "c": null}, [true]], "a.b": "y", "c": {"a": "z"}})",
      {}));
  return object.documents.at(0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > kBytesMax) return -1;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto path = Template::ParsePath(text); path.ok()) (void)path->Find(Object());
  const auto parsed = Template::Parse(text);
  if (!parsed.ok()) return 0;
  const auto rendered = parsed->Render(Object());
  const auto found = parsed->Find(Object());
  MUSTER_CHECK(rendered.ok() == found.ok());
  // Text outside of braces is copied.
  if (text.find('{') == std::string_view::npos) MUSTER_CHECK(*rendered == text);
  return 0;
}
