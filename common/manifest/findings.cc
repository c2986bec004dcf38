#include "common/manifest/findings.h"

#include "absl/strings/str_cat.h"

namespace muster::manifest {

void Findings::Add(Severity severity, Position position, std::string_view path,
                   std::string message) {
  if (severity == Severity::kError) ++errors_;
  if (found_.size() >= most_) {
    ++left_out_;
    return;
  }
  found_.push_back({severity, file_, position, std::string(path), std::move(message)});
}

Diagnostics Findings::Finish() {
  if (left_out_ > 0) {
    // An error if one of those left out may be one: nothing is applied on half the picture.
    found_.push_back({errors_ > 0 ? Severity::kError : Severity::kWarning,
                      file_,
                      {},
                      "",
                      absl::StrCat(left_out_, " more findings are not shown")});
  }
  return std::move(found_);
}

}  // namespace muster::manifest
