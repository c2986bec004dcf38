#include "agent/loop/assignment.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/model/canonical_text.h"
#include "common/model/kinds.h"
#include "common/model/static_pod.h"

namespace muster::agent {
namespace {

bool HoldsSomething(const v1::Object& object) {
  return object.object_case() != v1::Object::OBJECT_NOT_SET;
}

std::string KeyOf(const v1::Object& object) {
  const v1::ObjectMeta& meta = model::MetadataOf(object);
  return absl::StrCat(std::string(model::InfoOf(object).plural), "/", meta.namespace_(), "/",
                      meta.name());
}

// What of an object is kept on disk. A pod's status is what we said ourselves, but for the end of
// its life: a pod that has ended must not be tried again by the next agent, which may have nothing
// else left to tell how it ended.
v1::Object ForDisk(const v1::Object& object) {
  v1::Object kept = object;
  v1::ObjectMeta& meta = model::MutableMetadataOf(kept);
  meta.clear_managed_fields();
  if (kept.has_pod() && kept.pod().has_status()) {
    const std::string& phase = object.pod().status().phase();
    if (phase != "Failed" && phase != "Succeeded") kept.mutable_pod()->clear_status();
  }
  return kept;
}

bool SameOnDisk(const v1::Object& a, const v1::Object& b) {
  v1::Object left = ForDisk(a), right = ForDisk(b);
  model::MutableMetadataOf(left).clear_resource_version();
  model::MutableMetadataOf(right).clear_resource_version();
  return model::CanonicalText(left) == model::CanonicalText(right);
}

}  // namespace

const v1::ConfigMap* ConfigSnapshot::FindConfigMap(const std::string& ns,
                                                   const std::string& name) const {
  const auto found = objects_.find(absl::StrCat("configmaps/", ns, "/", name));
  return found != objects_.end() && found->second->has_config_map() ? &found->second->config_map()
                                                                    : nullptr;
}

const v1::Secret* ConfigSnapshot::FindSecret(const std::string& ns, const std::string& name) const {
  const auto found = objects_.find(absl::StrCat("secrets/", ns, "/", name));
  return found != objects_.end() && found->second->has_secret() ? &found->second->secret()
                                                                : nullptr;
}

Assignment::Assignment(const CheckpointState& saved) : complete_(saved.complete) {
  for (const auto& [key, object] : saved.objects) {
    if (HoldsSomething(object)) objects_[key] = std::make_shared<const v1::Object>(object);
  }
}

std::optional<CheckpointChange> Assignment::ChangeFor(const LinkAssignment& update) const {
  CheckpointChange change;
  for (const ObjectKey& key : update.removed) {
    if (objects_.contains(key)) change.removed.push_back(key);
  }
  for (const v1::Object& object : update.upserted) {
    if (!HoldsSomething(object)) continue;
    const std::string key = KeyOf(object);
    const auto known = objects_.find(key);
    if (known == objects_.end() || !SameOnDisk(*known->second, object)) {
      change.upserted.emplace_back(key, ForDisk(object));
    }
  }
  if (update.complete && !complete_) change.complete = true;
  if (change.removed.empty() && change.upserted.empty() && !change.complete) return std::nullopt;
  return change;
}

void Assignment::Apply(const LinkAssignment& update) {
  for (const ObjectKey& key : update.removed) objects_.erase(key);
  for (const v1::Object& object : update.upserted) {
    if (HoldsSomething(object)) {
      objects_[KeyOf(object)] = std::make_shared<const v1::Object>(object);
    }
  }
  if (update.complete) complete_ = true;
}

void Assignment::Clear() {
  objects_.clear();
  complete_ = true;
}

std::map<ObjectKey, int64_t> Assignment::Known() const {
  std::map<ObjectKey, int64_t> known;
  for (const auto& [key, object] : objects_) {
    int64_t version = 0;
    if (!absl::SimpleAtoi(model::MetadataOf(*object).resource_version(), &version)) version = 0;
    known[key] = version;
  }
  return known;
}

std::map<std::string, std::shared_ptr<const v1::Pod>> Assignment::Pods() const {
  std::map<std::string, std::shared_ptr<const v1::Pod>> pods;
  for (const auto& [key, object] : objects_) {
    if (!object->has_pod() || object->pod().metadata().uid().empty()) continue;
    // It stands for a pod that is known from its file.
    if (model::IsMirror(object->pod())) continue;
    pods[object->pod().metadata().uid()] = std::shared_ptr<const v1::Pod>(object, &object->pod());
  }
  return pods;
}

std::map<ObjectKey, std::shared_ptr<const v1::Pod>> Assignment::Mirrors() const {
  std::map<ObjectKey, std::shared_ptr<const v1::Pod>> mirrors;
  for (const auto& [key, object] : objects_) {
    if (object->has_pod() && model::IsMirror(object->pod())) {
      mirrors[key] = std::shared_ptr<const v1::Pod>(object, &object->pod());
    }
  }
  return mirrors;
}

std::shared_ptr<const ConfigSnapshot> Assignment::ConfigsOf(const std::string& name_space) const {
  Objects mine;
  for (const std::string plural : {"configmaps", "secrets"}) {
    const std::string prefix = absl::StrCat(plural, "/", name_space, "/");
    for (auto at = objects_.lower_bound(prefix);
         at != objects_.end() && absl::StartsWith(at->first, prefix); ++at) {
      mine.insert(*at);
    }
  }
  return std::make_shared<const ConfigSnapshot>(std::move(mine));
}

std::string Assignment::InputsOf(const v1::Pod& pod) const {
  std::string inputs;
  for (const std::string plural : {"configmaps", "secrets"}) {
    const std::string prefix = absl::StrCat(plural, "/", pod.metadata().namespace_(), "/");
    for (auto at = objects_.lower_bound(prefix);
         at != objects_.end() && absl::StartsWith(at->first, prefix); ++at) {
      absl::StrAppend(&inputs, at->first, "=", model::MetadataOf(*at->second).resource_version(),
                      "\n");
    }
  }
  const v1::ObjectMeta& meta = pod.metadata();
  const std::map<std::string, std::string> labels(meta.labels().begin(), meta.labels().end());
  const std::map<std::string, std::string> annotations(meta.annotations().begin(),
                                                       meta.annotations().end());
  for (const auto& [key, value] : labels) absl::StrAppend(&inputs, key, "=", value, "\n");
  inputs += "\n";
  for (const auto& [key, value] : annotations) absl::StrAppend(&inputs, key, "=", value, "\n");
  return inputs;
}

}  // namespace muster::agent
