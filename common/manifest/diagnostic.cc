#include "common/manifest/diagnostic.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace muster::manifest {
namespace {

const char* Name(Severity severity) {
  switch (severity) {
    case Severity::kError:
      return "error";
    case Severity::kWarning:
      return "warning";
    case Severity::kSkipped:
      return "skipped";
  }
  return "";
}

}  // namespace

std::string ToString(const Diagnostic& diagnostic) {
  std::string text = diagnostic.file;
  if (diagnostic.position.line > 0) {
    absl::StrAppend(&text, ":", diagnostic.position.line, ":", diagnostic.position.column);
  }
  absl::StrAppend(&text, text.empty() ? "" : ": ", Name(diagnostic.severity), ": ");
  if (!diagnostic.path.empty()) absl::StrAppend(&text, diagnostic.path, ": ");
  absl::StrAppend(&text, diagnostic.message);
  return text;
}

bool HasErrors(const Diagnostics& diagnostics) {
  return std::any_of(diagnostics.begin(), diagnostics.end(), [](const Diagnostic& diagnostic) {
    return diagnostic.severity == Severity::kError;
  });
}

}  // namespace muster::manifest
