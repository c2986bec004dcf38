#include "common/manifest/legacy.h"

#include <algorithm>
#include <array>

#include "absl/strings/str_cat.h"

namespace muster::manifest {
namespace {

constexpr std::array<LegacyKind, 5> kLegacyKinds = {{
    {"extensions/v1beta1", "DaemonSet", "apps/v1", true, true},
    {"apps/v1beta1", "DaemonSet", "apps/v1", false, false},
    {"apps/v1beta2", "DaemonSet", "apps/v1", false, false},
    {"scheduling.k8s.io/v1alpha1", "PriorityClass", "scheduling.k8s.io/v1", false, false},
    {"scheduling.k8s.io/v1beta1", "PriorityClass", "scheduling.k8s.io/v1", false, false},
}};

// Written by the controller of that time only.
constexpr std::string_view kTemplateGeneration = "templateGeneration";

bool Has(const Value* mapping, std::string_view key) {
  const Value* value = mapping == nullptr ? nullptr : mapping->Find(key);
  return value != nullptr && value->type != Value::Type::kNull;
}

}  // namespace

const LegacyKind* FindLegacyKind(std::string_view api_version, std::string_view name) {
  for (const LegacyKind& legacy : kLegacyKinds) {
    if (legacy.api_version == api_version && legacy.name == name) return &legacy;
  }
  return nullptr;
}

std::string ModernizeManifest(const LegacyKind& legacy, Value& manifest) {
  manifest.Find("apiVersion")->text = std::string(legacy.current_api_version);
  std::string change = "apiVersion ";
  change.append(legacy.api_version).append(" is read as ").append(legacy.current_api_version);
  if (legacy.name != "DaemonSet") return change;

  Value* spec = manifest.Find("spec");
  if (spec != nullptr) {
    const auto is_gone = [](const Member& member) { return member.key == kTemplateGeneration; };
    spec->members.erase(std::remove_if(spec->members.begin(), spec->members.end(), is_gone),
                        spec->members.end());
  }
  if (legacy.selector_from_labels && !Has(spec, "selector")) {
    change += ", spec.selector is taken from the labels of the template";
  }
  const Value* strategy = spec == nullptr ? nullptr : spec->Find("updateStrategy");
  if (legacy.updates_on_delete && !Has(strategy, "type")) {
    change += ", spec.updateStrategy.type is OnDelete as it was the default then";
  }
  return change;
}

void ApplyLegacyDefaults(const LegacyKind& legacy, v1::Object& object) {
  if (!object.has_daemon_set()) return;
  v1::DaemonSetSpec& spec = *object.mutable_daemon_set()->mutable_spec();
  const auto& labels = spec.template_().metadata().labels();
  if (legacy.selector_from_labels && !spec.has_selector() && !labels.empty()) {
    *spec.mutable_selector()->mutable_match_labels() = labels;
  }
  if (legacy.updates_on_delete && spec.update_strategy().type().empty()) {
    spec.mutable_update_strategy()->set_type("OnDelete");
  }
}

}  // namespace muster::manifest
