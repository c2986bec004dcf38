#include "common/manifest/yaml_text.h"

#include <algorithm>
#include <cstdint>

#include "common/manifest/utf8.h"

namespace muster::manifest {
namespace {

// True for what may stand in front of a `---` that belongs to the same document.
bool IsPrologue(std::string_view text) {
  bool has_directive = false;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const size_t start = line.find_first_not_of(" \t\r");
    if (start == std::string_view::npos || line[start] == '#') continue;
    if (!IsYamlDirective(line)) return false;
    has_directive = true;
  }
  return has_directive;
}

// `---` or `...` alone or followed by a blank.
bool IsMarker(std::string_view line, std::string_view marker) {
  if (line.substr(0, marker.size()) != marker) return false;
  return line.size() == marker.size() ||
         std::string_view(" \t\r\n").find(line[marker.size()]) != std::string_view::npos;
}

}  // namespace

std::vector<YamlChunk> SplitDocuments(std::string_view text) {
  std::vector<YamlChunk> chunks;
  size_t start = 0;
  int first_line = 1;
  int line_number = 1;
  const auto cut = [&](size_t at) {
    if (at == start) return;
    chunks.push_back({text.substr(start, at - start), first_line});
    start = at;
    first_line = line_number;
  };
  for (size_t at = 0; at < text.size();) {
    size_t end = text.find('\n', at);
    end = end == std::string_view::npos ? text.size() : end + 1;
    const std::string_view line = text.substr(at, end - at);
    if (IsMarker(line, "---") && !IsPrologue(text.substr(start, at - start))) cut(at);
    at = end;
    ++line_number;
    if (IsMarker(line, "...")) cut(at);
  }
  cut(text.size());
  return chunks;
}

bool IsYamlDirective(std::string_view line) {
  return line.substr(0, 6) == "%YAML " || line.substr(0, 5) == "%TAG ";
}

int TabInIndentation(std::string_view text, int line) {
  for (int i = 0; i < line; ++i) {
    const size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    text.remove_prefix(end + 1);
  }
  const size_t start = text.find_first_not_of(' ');
  const bool tab = start != std::string_view::npos && text[start] == '\t';
  return tab ? static_cast<int>(start) + 1 : 0;
}

size_t EndOfScalar(std::string_view text, int offset) {
  size_t at = std::min(static_cast<size_t>(std::max(offset, 0)), text.size());
  while (at < text.size() && std::string_view("&!*").find(text[at]) != std::string_view::npos) {
    at = std::min(text.find_first_of(" \t\r\n", at), text.size());
    at = std::min(text.find_first_not_of(" \t\r\n", at), text.size());
  }
  if (at >= text.size() || (text[at] != '"' && text[at] != '\'')) return at;
  const char quote = text[at];
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\' && quote == '"') {
      ++at;
    } else if (text[at] == quote) {
      // Two single quotes stand for one.
      const bool doubled = quote == '\'' && text.substr(at + 1, 1) == "'";
      if (!doubled) return at + 1;
      ++at;
    }
  }
  return std::string_view::npos;
}

std::string WithoutLooseBytes(const std::string& text) {
  if (FindInvalidUtf8(text) == std::string_view::npos) return text;
  std::string fixed;
  for (size_t at = 0; at < text.size();) {
    const CodePoint point = ReadCodePoint(text, at);
    AppendUtf8(point.valid ? point.value : static_cast<uint8_t>(text[at]), fixed);
    at += point.size;
  }
  return fixed;
}

}  // namespace muster::manifest
