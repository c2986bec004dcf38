#pragma once

#include <string>
#include <string_view>

namespace muster::manifest {

// What a plain (unquoted) scalar means under the rules kubectl applies: YAML 1.1 without
// sexagesimal numbers; times stay text. Pure.
struct PlainScalar {
  enum class Type { kNull, kBool, kInteger, kFloat, kString, kMerge };
  Type type = Type::kString;
  // In JSON's form: "true", "420" for 0644. Empty for null, and for numbers JSON cannot hold.
  std::string json;
};

PlainScalar ResolvePlainScalar(std::string_view text);

// Whether some YAML 1.1 reader may take this text for something other than a string. Wider than
// the above: also times, sexagesimal numbers and the signs `=` and `<<`.
bool MayReadAsNonString(std::string_view text);

}  // namespace muster::manifest
