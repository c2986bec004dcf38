#include "test/simulation/releases.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace muster::simulation {
namespace {

constexpr int kMinReadyToSeeCrash = 5;
constexpr char kBeforeClass[] = "value: \"";

std::string VariableIn(const v1::PodSpec& spec, absl::string_view name) {
  if (spec.containers().empty()) return "";
  for (const v1::EnvVar& variable : spec.containers(0).env()) {
    if (variable.name() == name) return variable.value();
  }
  return "";
}

std::string Together(const std::string& variant, const std::string& node_class) {
  return node_class.empty() ? variant : absl::StrCat(variant, "/", node_class);
}

std::string ClassIn(const std::string& overrides) {
  const size_t at = overrides.find(kBeforeClass);
  if (at == std::string::npos) return "";
  const size_t begin = at + sizeof(kBeforeClass) - 1;
  return overrides.substr(begin, overrides.find('"', begin) - begin);
}

}  // namespace

std::string OverridesFor(const std::string& edge_class) {
  return absl::StrCat(
      "- selector: {tier: edge}\n  containers:\n  - name: main\n    env:\n    - {name: ",
      kClassVariable, ", ", kBeforeClass, edge_class, "\"}\n");
}

std::string VariantOf(const v1::PodSpec& spec) {
  return Together(VariableIn(spec, kVariantVariable), VariableIn(spec, kClassVariable));
}

std::string TemplateVariant(const std::string& variant) {
  return variant.substr(0, variant.find('/'));
}

std::string WantedVariant(const v1::DaemonSet& daemon_set, const v1::Node* node) {
  const std::string variant = VariableIn(daemon_set.spec().template_().spec(), kVariantVariable);
  if (node == nullptr) return variant;
  const auto tier = node->metadata().labels().find("tier");
  if (tier == node->metadata().labels().end() || tier->second != "edge") return variant;
  return Together(variant, ClassIn(AnnotationOf(daemon_set.metadata(), kOverrides)));
}

bool NeverWorks(const v1::DaemonSet& daemon_set) {
  const v1::PodSpec& spec = daemon_set.spec().template_().spec();
  if (spec.containers().empty()) return false;
  const v1::Container& container = spec.containers(0);
  if (container.image() == kBrokenImage) return true;
  if (container.readiness_probe().http_get().path() == kNeverReady) return true;
  // A container without a readiness probe is ready as soon as it runs.
  return !container.command().empty() && container.command(0) == kCrash &&
         daemon_set.spec().min_ready_seconds() >= kMinReadyToSeeCrash;
}

bool NeverRests(const v1::PodSpec& spec) {
  if (spec.containers().empty() || spec.containers(0).command().empty()) return false;
  const v1::Container& container = spec.containers(0);
  const std::string& command = container.command(0);
  const bool released = std::ranges::any_of(
      kReleasedImages, [&](const char* image) { return container.image() == image; });
  return command == kCrash || command == kFlaky || !released;
}

std::string AnnotationOf(const v1::ObjectMeta& meta, absl::string_view key) {
  const auto found = meta.annotations().find(std::string(key));
  return found == meta.annotations().end() ? "" : found->second;
}

bool IsSuspended(const v1::DaemonSet& daemon_set) {
  return AnnotationOf(daemon_set.metadata(), "muster.dev/suspend") == "true";
}

bool IsPaused(const v1::DaemonSet& daemon_set) {
  return AnnotationOf(daemon_set.metadata(), "muster.dev/paused") == "true";
}

bool RollsOnConfig(const v1::DaemonSet& daemon_set) {
  return AnnotationOf(daemon_set.metadata(), "muster.dev/roll-on-config") == "true";
}

}  // namespace muster::simulation
