#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace muster::manifest {

// What the YAML parser leaves undone, looked up in the text itself. Pure.

// A part of a text that holds at most one document.
struct YamlChunk {
  std::string_view text;
  int first_line;  // From 1.
};

// Cuts in front of the lines that begin with `---` and behind those with `...`, which cannot occur
// inside a document, so that a mistake in one document leaves the others readable.
std::vector<YamlChunk> SplitDocuments(std::string_view text);

// Whether a line that begins with % is one of YAML's directives.
bool IsYamlDirective(std::string_view line);

// Where a line (counted from 0) has a tab in its indentation, as column from 1; 0 if nowhere.
int TabInIndentation(std::string_view text, int line);

// Behind the properties (&x, !y), alias (*x) and quoted text at `offset`; plain text is taken to
// end at once. npos when the quotes are never closed.
size_t EndOfScalar(std::string_view text, int offset);

// The parser turns the escapes \_ and \N into single bytes of Latin-1; here they become UTF-8.
std::string WithoutLooseBytes(const std::string& text);

}  // namespace muster::manifest
