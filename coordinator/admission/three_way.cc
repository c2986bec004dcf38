#include "coordinator/admission/three_way.h"

#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/macros.h"
#include "common/manifest/decode.h"
#include "common/manifest/encode.h"
#include "common/model/kinds.h"
#include "coordinator/admission/merge.h"
#include "coordinator/templates/effective.h"
#include "coordinator/templates/node_overrides.h"
#include "google/protobuf/descriptor.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr size_t kAnnotationBytesMax = 256 << 10;

// A manifest may be an exported object; what the coordinator had written there is left out.
v1::Object WithoutServerFields(v1::Object manifest) {
  v1::ObjectMeta& metadata = model::MutableMetadataOf(manifest);
  metadata.clear_uid();
  metadata.clear_resource_version();
  metadata.clear_generation();
  metadata.clear_creation_timestamp();
  metadata.clear_deletion_timestamp();
  metadata.clear_deletion_grace_period_seconds();
  metadata.clear_self_link();
  metadata.clear_managed_fields();
  metadata.mutable_annotations()->erase(kLastAppliedAnnotation);
  Message& message = model::MutableMessageOf(manifest);
  const FieldDescriptor* status = message.GetDescriptor()->FindFieldByName("status");
  if (status != nullptr) message.GetReflection()->ClearField(&message, status);
  if (manifest.has_secret()) {
    v1::Secret& secret = *manifest.mutable_secret();
    for (const auto& [key, text] : secret.string_data()) (*secret.mutable_data())[key] = text;
    secret.clear_string_data();
  }
  return manifest;
}

template <typename Map>
void ClearValues(Map& data) {
  for (auto& entry : data) entry.second.clear();
}

size_t AnnotationBytes(const v1::Object& object) {
  size_t bytes = 0;
  for (const auto& [key, value] : model::MetadataOf(object).annotations()) {
    bytes += key.size() + value.size();
  }
  return bytes;
}

// The manifest as text for the next three-way merge, which only needs to know which keys of data
// there were.
std::string LastApplied(const v1::Object& manifest) {
  v1::Object kept = manifest;
  if (kept.has_secret()) ClearValues(*kept.mutable_secret()->mutable_data());
  std::string json = manifest::EncodeJson(kept) + "\n";
  if (kept.has_config_map() &&
      AnnotationBytes(manifest) + sizeof(kLastAppliedAnnotation) + json.size() >
          kAnnotationBytesMax) {
    ClearValues(*kept.mutable_config_map()->mutable_data());
    ClearValues(*kept.mutable_config_map()->mutable_binary_data());
    json = manifest::EncodeJson(kept) + "\n";
  }
  return json;
}

// What was applied before; empty when nothing was.
absl::StatusOr<v1::Object> ReadLastApplied(const v1::Object& stored) {
  v1::Object original = model::NewObject(model::InfoOf(stored));
  const auto& annotations = model::MetadataOf(stored).annotations();
  const auto found = annotations.find(kLastAppliedAnnotation);
  if (found == annotations.end()) return original;
  const absl::Status status = manifest::DecodeJson(found->second, model::MutableMessageOf(original),
                                                   manifest::UnknownFields::kIgnore);
  if (status.ok()) return WithoutServerFields(std::move(original));
  return absl::InvalidArgumentError(
      absl::StrCat(model::QualifiedName(stored), ": annotation ", kLastAppliedAnnotation,
                   " cannot be read, so what this manifest leaves out is not known (",
                   std::string(status.message()), "); remove the annotation and apply again"));
}

}  // namespace

absl::StatusOr<v1::Object> ThreeWayApply(const v1::Object& manifest, const v1::Object* stored) {
  const v1::Object modified = WithoutServerFields(manifest);
  v1::Object result = modified;
  if (stored != nullptr) {
    MUSTER_CHECK(stored->object_case() == manifest.object_case());
    MUSTER_ASSIGN_OR_RETURN(const v1::Object original, ReadLastApplied(*stored));
    result = *stored;
    MergeThreeWay(model::MessageOf(original), model::MessageOf(modified),
                  model::MutableMessageOf(result));
  }
  (*model::MutableMetadataOf(result).mutable_annotations())[kLastAppliedAnnotation] =
      LastApplied(modified);
  return result;
}

void RestoreLastApplied(const v1::ObjectMeta& then, v1::DaemonSet& daemon_set) {
  v1::Object object;
  *object.mutable_daemon_set() = daemon_set;
  v1::Object past;
  *past.mutable_daemon_set()->mutable_metadata() = then;
  if (!HasLastApplied(object) || !HasLastApplied(past)) return;
  absl::StatusOr<v1::Object> applied = ReadLastApplied(object);
  const absl::StatusOr<v1::Object> applied_then = ReadLastApplied(past);
  if (!applied.ok() || !applied_then.ok()) return;
  v1::DaemonSet& now = *applied->mutable_daemon_set();
  *now.mutable_spec()->mutable_template_() = applied_then->daemon_set().spec().template_();
  const auto& annotations_then = applied_then->daemon_set().metadata().annotations();
  for (const char* key : {kOverridesAnnotation, kRollOnConfigAnnotation}) {
    const auto found = annotations_then.find(key);
    if (found == annotations_then.end()) {
      now.mutable_metadata()->mutable_annotations()->erase(key);
    } else {
      (*now.mutable_metadata()->mutable_annotations())[key] = found->second;
    }
  }
  (*daemon_set.mutable_metadata()->mutable_annotations())[kLastAppliedAnnotation] =
      LastApplied(*applied);
}

bool HasLastApplied(const v1::Object& object) {
  return model::MetadataOf(object).annotations().contains(kLastAppliedAnnotation);
}

}  // namespace muster::coordinator
