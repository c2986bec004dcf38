#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/manifest/decode.h"
#include "common/manifest/diagnostic.h"

namespace muster::manifest {

// All findings of a text as a user would see them, for a file called "f".
inline std::vector<std::string> FindingsOf(std::string_view text,
                                           const DecodeOptions& options = {}) {
  std::vector<std::string> shown;
  for (const Diagnostic& found : DecodeManifest("f", text, options).diagnostics) {
    shown.push_back(ToString(found));
  }
  return shown;
}

}  // namespace muster::manifest
