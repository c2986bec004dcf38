#pragma once

#include <string>
#include <vector>

#include "coordinator/templates/node_overrides.h"
#include "muster/v1/pod.pb.h"

namespace muster::coordinator {

// What the pods of one revision are made from on each kind of node: the template itself, and the
// template under each of the overrides that it carries (see EffectiveDaemonSet).
//
// The revision's hash names the template together with its overrides. Whether a pod is what it
// should be is a matter of the template it was made from alone: so a change of overrides replaces
// the pods that would turn out differently, and no others. A plain value.
class NodeTemplates {
 public:
  explicit NodeTemplates(const v1::PodTemplateSpec& of_revision);

  // Are there overrides at all? Without them pods carry no hash of their own.
  bool varied() const { return !overrides_.empty(); }
  const NodeOverrides& overrides() const { return overrides_; }
  int ClassOf(const model::LabelMap& node_labels) const { return overrides_.ClassOf(node_labels); }
  // Of a class, or of NodeOverrides::kNoClass.
  const v1::PodTemplateSpec& TemplateOf(int node_class) const {
    return Find(node_class).pod_template;
  }
  const std::string& HashOf(int node_class) const { return Find(node_class).hash; }

 private:
  struct Entry {
    v1::PodTemplateSpec pod_template;
    std::string hash;
  };

  const Entry& Find(int node_class) const { return entries_[node_class + 1]; }

  NodeOverrides overrides_;
  std::vector<Entry> entries_;  // That of no class first.
};

}  // namespace muster::coordinator
