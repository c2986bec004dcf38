#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "common/model/labels.h"
#include "muster/v1/overrides.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// A list of {selector, containers, initContainers}: what a DaemonSet's pods get on some of its
// nodes instead of what the template says.
inline constexpr char kOverridesAnnotation[] = "muster.dev/overrides";

// One kind of nodes and what is different there.
struct NodeClass {
  model::LabelQuery selector;  // Of node labels.
  v1::NodeOverride patch;
};

// A place in the list that cannot be used. `path` begins behind the annotation: "[0].selector".
struct OverrideProblem {
  std::string path;
  std::string detail;  // What was expected.
};

// What the annotation says. A plain value.
//
// A node belongs to the first class whose selector matches its labels, or to none. So there is one
// template for each class and no combinations, and all of them can be checked when the annotation
// is written.
class NodeOverrides {
 public:
  static constexpr int kNoClass = -1;

  NodeOverrides() = default;
  // YAML or JSON. Of a text with problems nothing is used.
  static NodeOverrides Parse(std::string_view text, std::vector<OverrideProblem>& problems);

  bool empty() const { return classes_.empty(); }
  const std::vector<NodeClass>& classes() const { return classes_; }
  int ClassOf(const model::LabelMap& node_labels) const;

  // The template as nodes of the class get it. Not defaulted. Containers that the template does not
  // have are left out.
  static void Patch(const v1::NodeOverride& patch, v1::PodSpec& spec);

 private:
  std::vector<NodeClass> classes_;
};

}  // namespace muster::coordinator
