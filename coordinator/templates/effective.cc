#include "coordinator/templates/effective.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/model/canonical_text.h"
#include "common/model/hash.h"
#include "coordinator/templates/node_overrides.h"
#include "coordinator/templates/references.h"

namespace muster::coordinator {
namespace {

const std::string* FindAnnotation(const v1::ObjectMeta& meta, const char* key) {
  const auto found = meta.annotations().find(key);
  return found == meta.annotations().end() ? nullptr : &found->second;
}

// Sets it, or takes it away.
void SetAnnotation(const char* key, const std::string* value, v1::ObjectMeta& meta) {
  if (value != nullptr) {
    (*meta.mutable_annotations())[key] = *value;
  } else if (meta.annotations().contains(key)) {
    meta.mutable_annotations()->erase(key);
  }
}

void AddKeys(const std::string& ns, v1::PodSpec spec, std::vector<std::string>& keys) {
  v1::Pod pod;
  pod.mutable_metadata()->set_namespace_(ns);
  *pod.mutable_spec() = std::move(spec);
  pod.mutable_spec()->clear_image_pull_secrets();
  const std::vector<std::string> more = ReferencedKeys(pod);
  keys.insert(keys.end(), more.begin(), more.end());
}

// What of it reaches a container.
std::string ContentOf(const v1::Object& object) {
  if (object.has_config_map()) {
    v1::ConfigMap content = object.config_map();
    content.clear_metadata();
    return model::CanonicalText(content);
  }
  v1::Secret content = object.secret();
  content.clear_metadata();
  return model::CanonicalText(content);
}

}  // namespace

v1::DaemonSet EffectiveDaemonSet(const v1::DaemonSet& daemon_set,
                                 const std::string& config_digest) {
  v1::DaemonSet effective = daemon_set;
  // Only when there is something to say: a template without metadata stays one.
  const std::string* overrides = FindAnnotation(daemon_set.metadata(), kOverridesAnnotation);
  const std::string* digest = RollsOnConfig(daemon_set) ? &config_digest : nullptr;
  const auto& carried = daemon_set.spec().template_().metadata().annotations();
  if (overrides == nullptr && digest == nullptr && !carried.contains(kOverridesAnnotation) &&
      !carried.contains(kConfigDigestAnnotation)) {
    return effective;
  }
  v1::ObjectMeta& meta = *effective.mutable_spec()->mutable_template_()->mutable_metadata();
  SetAnnotation(kOverridesAnnotation, overrides, meta);
  SetAnnotation(kConfigDigestAnnotation, digest, meta);
  return effective;
}

void RestoreTemplate(const v1::PodTemplateSpec& of_revision, v1::DaemonSet& daemon_set) {
  v1::PodTemplateSpec& restored = *daemon_set.mutable_spec()->mutable_template_();
  restored = of_revision;
  SetAnnotation(kOverridesAnnotation, FindAnnotation(of_revision.metadata(), kOverridesAnnotation),
                *daemon_set.mutable_metadata());
  // Left as it is, it would make yet another revision of what is put back, and replace every pod.
  static const std::string kOn = "true";
  const bool rolled = FindAnnotation(of_revision.metadata(), kConfigDigestAnnotation) != nullptr;
  if (rolled != RollsOnConfig(daemon_set)) {
    SetAnnotation(kRollOnConfigAnnotation, rolled ? &kOn : nullptr, *daemon_set.mutable_metadata());
  }
  if (!restored.has_metadata()) return;
  SetAnnotation(kOverridesAnnotation, nullptr, *restored.mutable_metadata());
  SetAnnotation(kConfigDigestAnnotation, nullptr, *restored.mutable_metadata());
}

bool RollsOnConfig(const v1::DaemonSet& daemon_set) {
  const std::string* value = FindAnnotation(daemon_set.metadata(), kRollOnConfigAnnotation);
  return value != nullptr && *value == "true";
}

std::vector<std::string> ConfigKeys(const v1::DaemonSet& daemon_set) {
  const std::string& ns = daemon_set.metadata().namespace_();
  const v1::PodSpec& spec = daemon_set.spec().template_().spec();
  std::vector<std::string> keys;
  AddKeys(ns, spec, keys);
  if (const std::string* text = FindAnnotation(daemon_set.metadata(), kOverridesAnnotation)) {
    std::vector<OverrideProblem> problems;
    const NodeOverrides overrides = NodeOverrides::Parse(*text, problems);
    for (const NodeClass& each : overrides.classes()) {
      v1::PodSpec patched = spec;
      NodeOverrides::Patch(each.patch, patched);
      AddKeys(ns, std::move(patched), keys);
    }
  }
  std::sort(keys.begin(), keys.end());
  keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
  return keys;
}

std::string ContentDigest(const v1::Object& object) {
  return model::SafeEncode(model::Fnv1a(ContentOf(object)));
}

std::string ConfigDigest(const std::vector<std::string>& keys,
                         const std::map<std::string, std::string>& content_digests) {
  std::string all;
  for (const std::string& key : keys) {
    const auto found = content_digests.find(key);
    absl::StrAppend(&all, key, "=", found == content_digests.end() ? "absent" : found->second,
                    "\n");
  }
  return model::SafeEncode(model::Fnv1a(all));
}

}  // namespace muster::coordinator
