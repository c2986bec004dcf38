#pragma once

#include <map>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "common/base/clock.h"
#include "common/model/kinds.h"
#include "muster/v1/object.pb.h"

namespace muster::coordinator {

// A list of objects as people read it. A plain value.
struct Table {
  struct Row {
    std::vector<std::string> cells;  // One for each column.
    std::string ns;                  // Empty for kinds without namespaces.
    std::string name;
    std::map<std::string, std::string> labels;
  };
  std::vector<std::string> columns;  // As headers show them: "NODE SELECTOR".
  std::vector<Row> rows;             // In the order of the objects.
};

// The columns and cells of `kubectl get`, `wide` for those of `-o wide`. All objects are of `kind`;
// none at all still gives the columns. Pure.
Table Render(model::Kind kind, absl::Span<const v1::Object> objects, bool wide, WallTime now);

// Roles of a node by its labels, sorted: "control-plane,worker"; "<none>".
std::string NodeRoles(const v1::Node& node);

}  // namespace muster::coordinator
