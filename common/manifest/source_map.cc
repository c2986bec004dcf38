#include "common/manifest/source_map.h"

namespace muster::manifest {

Position SourceMap::Find(std::string_view path) const {
  while (true) {
    if (auto found = positions_.find(path); found != positions_.end()) return found->second;
    if (path.empty()) return {};
    path = ParentPath(path);
  }
}

std::string_view ParentPath(std::string_view path) {
  if (path.empty()) return path;
  if (path.back() == ']') {
    // Keys may hold dots and slashes but no brackets.
    const size_t open = path.rfind('[');
    return open == std::string_view::npos ? std::string_view() : path.substr(0, open);
  }
  // Dots inside a key do not count: there would be a bracket at the end.
  const size_t dot = path.rfind('.');
  if (dot == std::string_view::npos) return {};
  return path.substr(0, dot);
}

}  // namespace muster::manifest
