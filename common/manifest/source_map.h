#pragma once

#include <map>
#include <string>
#include <string_view>

#include "common/manifest/diagnostic.h"

namespace muster::manifest {

// Where the fields of one decoded document were written, so that problems found later, which are
// given by field path, can be shown by line. A value.
class SourceMap {
 public:
  // Paths are those of Kubernetes' messages: "spec.ports[0].name", "metadata.labels[app]".
  void Add(std::string path, Position position) {
    positions_.insert_or_assign(std::move(path), position);
  }

  // The nearest place that exists: the field itself or else what encloses it. "" is the document.
  Position Find(std::string_view path) const;

 private:
  std::map<std::string, Position, std::less<>> positions_;
};

// Leaves out the last step of a path: "a.b[c.d]" gives "a.b", "a.b" gives "a", "a" gives "".
std::string_view ParentPath(std::string_view path);

}  // namespace muster::manifest
