#pragma once

#include <string>
#include <vector>

namespace muster::manifest {

// A place in a text, counted from 1 as editors do. Line 0 means unknown.
struct Position {
  int line = 0;
  int column = 0;
};

enum class Severity {
  kError,    // The document cannot be used.
  kWarning,  // It can, but something in it is not what it seems.
  kSkipped,  // It is of a kind Muster does not run.
};

// One finding in a manifest. A value.
struct Diagnostic {
  Severity severity = Severity::kError;
  std::string file;
  Position position;
  // "spec.template.spec.containers[0].image"; empty when it is about a document as a whole.
  std::string path;
  // What was expected and what was found, without the path.
  std::string message;
};

using Diagnostics = std::vector<Diagnostic>;

// "web.yaml:12:9: error: spec.template: ..."
std::string ToString(const Diagnostic& diagnostic);

bool HasErrors(const Diagnostics& diagnostics);

}  // namespace muster::manifest
