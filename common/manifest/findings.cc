#include "common/manifest/findings.h"

#include "absl/strings/str_cat.h"

namespace muster::manifest {
namespace {

// A finding quotes what others wrote, but it is one line and moves no terminal's cursor.
std::string OnOneLine(std::string_view text) {
  std::string line;
  for (char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte != 0x7F) {
      line += c;
    } else {
      absl::StrAppend(&line, c == '\n' ? "\\n" : c == '\t' ? "\\t" : "\\x");
      if (c != '\n' && c != '\t') absl::StrAppend(&line, absl::Hex(byte, absl::kZeroPad2));
    }
  }
  return line;
}

}  // namespace

void Findings::Add(Severity severity, Position position, std::string_view path,
                   std::string_view message) {
  if (severity == Severity::kError) ++errors_;
  if (found_.size() >= most_) {
    ++left_out_;
    return;
  }
  found_.push_back({severity, file_, position, OnOneLine(path), OnOneLine(message)});
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
