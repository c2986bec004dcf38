#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "common/manifest/diagnostic.h"

namespace muster::manifest {

// Collects what is found in one text, up to a bound; further findings are only counted.
// Control characters in what is quoted are made visible.
class Findings {
 public:
  Findings(std::string_view file, size_t most) : file_(file), most_(most) {}

  void Add(Severity severity, Position position, std::string_view path, std::string_view message);
  void Error(Position position, std::string_view path, std::string_view message) {
    Add(Severity::kError, position, path, message);
  }

  // Errors so far, also those beyond the bound.
  size_t errors() const { return errors_; }

  // Ends the collection; says in a last finding how many were left out.
  Diagnostics Finish();

 private:
  const std::string file_;
  const size_t most_;
  size_t errors_ = 0;
  size_t left_out_ = 0;
  Diagnostics found_;
};

}  // namespace muster::manifest
