#include "coordinator/daemonset/node_templates.h"

#include <optional>
#include <utility>

#include "common/model/hash.h"
#include "coordinator/admission/defaults.h"

namespace muster::coordinator {

NodeTemplates::NodeTemplates(const v1::PodTemplateSpec& of_revision) {
  v1::PodTemplateSpec base = of_revision;
  const auto& annotations = of_revision.metadata().annotations();
  if (const auto found = annotations.find(kOverridesAnnotation); found != annotations.end()) {
    // Validation has refused what cannot be read; nothing of it is used.
    std::vector<OverrideProblem> problems;
    overrides_ = NodeOverrides::Parse(found->second, problems);
    base.mutable_metadata()->mutable_annotations()->erase(kOverridesAnnotation);
  }
  const auto add = [this](v1::PodTemplateSpec pod_template) {
    std::string hash = model::TemplateHash(pod_template, std::nullopt);
    entries_.push_back({std::move(pod_template), std::move(hash)});
  };
  add(base);
  for (const NodeClass& each : overrides_.classes()) {
    v1::PodTemplateSpec patched = base;
    NodeOverrides::Patch(each.patch, *patched.mutable_spec());
    SetTemplateDefaults(patched);
    add(std::move(patched));
  }
}

}  // namespace muster::coordinator
