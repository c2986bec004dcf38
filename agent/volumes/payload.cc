#include "agent/volumes/payload.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "agent/translate/field_ref.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

constexpr mode_t kDefaultMode = 0644;

// The last gate before a path is written: what is stored was checked when it was applied.
bool StaysBelow(const std::string& path) {
  if (path.empty() || path.front() == '/') return false;
  const std::vector<std::string> parts = absl::StrSplit(path, '/');
  for (const std::string& part : parts) {
    if (part.empty() || part == "." || part == "..") return false;
  }
  return parts.front().compare(0, 2, "..") != 0;  // Names of the writer's own.
}

absl::Status Put(const std::string& path, PayloadFile file, Payload& payload) {
  if (!StaysBelow(path)) {
    return absl::InvalidArgumentError(
        absl::StrCat("path \"", path, "\" has to be relative and stay inside the volume"));
  }
  if (!payload.emplace(path, std::move(file)).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("conflicting duplicate paths: \"", path, "\" comes from two sources"));
  }
  return absl::OkStatus();
}

// `data` is all that the object has; `items` (when there are any) pick and rename.
template <typename Items>
absl::Status AddKeys(const std::map<std::string, std::string>& data, const Items& items,
                     bool optional, mode_t mode, std::string_view missing_key_text,
                     Payload& payload) {
  if (items.empty()) {
    for (const auto& [key, content] : data) {
      MUSTER_RETURN_IF_ERROR(Put(key, {content, mode}, payload));
    }
    return absl::OkStatus();
  }
  for (const v1::KeyToPath& item : items) {
    const auto found = data.find(item.key());
    if (found == data.end()) {
      if (optional) continue;
      return absl::NotFoundError(absl::StrCat(std::string(missing_key_text), item.key()));
    }
    const mode_t file_mode = item.has_mode() ? static_cast<mode_t>(item.mode()) : mode;
    MUSTER_RETURN_IF_ERROR(Put(item.path(), {found->second, file_mode}, payload));
  }
  return absl::OkStatus();
}

// ConfigMapVolumeSource and ConfigMapProjection have the same fields that matter here.
template <typename Source>
absl::Status AddConfigMap(const v1::Pod& pod, const Source& source, mode_t mode,
                          const ConfigSource& configs, Payload& payload) {
  const v1::ConfigMap* object = configs.FindConfigMap(pod.metadata().namespace_(), source.name());
  if (object == nullptr) {
    if (source.optional()) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("configmap \"", source.name(), "\" not found"));
  }
  std::map<std::string, std::string> data(object->data().begin(), object->data().end());
  data.insert(object->binary_data().begin(), object->binary_data().end());
  return AddKeys(data, source.items(), source.optional(), mode,
                 "configmap references non-existent config key: ", payload);
}

template <typename Source>
absl::Status AddSecret(const v1::Pod& pod, const std::string& name, const Source& source,
                       mode_t mode, const ConfigSource& configs, Payload& payload) {
  const v1::Secret* object = configs.FindSecret(pod.metadata().namespace_(), name);
  if (object == nullptr) {
    if (source.optional()) return absl::OkStatus();
    return absl::NotFoundError(absl::StrCat("secret \"", name, "\" not found"));
  }
  const std::map<std::string, std::string> data(object->data().begin(), object->data().end());
  return AddKeys(data, source.items(), source.optional(), mode,
                 "references non-existent secret key: ", payload);
}

template <typename Source>
absl::Status AddDownward(const v1::Pod& pod, const Source& source, mode_t mode,
                         const NodeContext& node, Payload& payload) {
  for (const v1::DownwardAPIVolumeFile& item : source.items()) {
    const mode_t file_mode = item.has_mode() ? static_cast<mode_t>(item.mode()) : mode;
    absl::StatusOr<std::string> content;
    if (item.has_field_ref()) {
      content = FieldRefValue(pod, item.field_ref().field_path(), {}, node);
    } else {
      content = ResourceFieldRefValue(pod, item.resource_field_ref(), "", node);
    }
    if (!content.ok()) return content.status();
    MUSTER_RETURN_IF_ERROR(Put(item.path(), {*std::move(content), file_mode}, payload));
  }
  return absl::OkStatus();
}

absl::Status AddProjection(const v1::Pod& pod, const v1::VolumeProjection& source, mode_t mode,
                           const NodeContext& node, const ConfigSource& configs, Payload& payload) {
  if (source.has_config_map()) {
    return AddConfigMap(pod, source.config_map(), mode, configs, payload);
  }
  if (source.has_secret()) {
    return AddSecret(pod, source.secret().name(), source.secret(), mode, configs, payload);
  }
  if (source.has_downward_api()) {
    return AddDownward(pod, source.downward_api(), mode, node, payload);
  }
  return absl::UnimplementedError("this kind of projection is not supported");
}

template <typename Source>
mode_t ModeOf(const Source& source) {
  return source.has_default_mode() ? static_cast<mode_t>(source.default_mode()) : kDefaultMode;
}

}  // namespace

bool HasPayload(const v1::Volume& volume) {
  return volume.has_config_map() || volume.has_secret() || volume.has_downward_api() ||
         volume.has_projected();
}

bool IsSecretPayload(const v1::Volume& volume) {
  if (volume.has_secret()) return true;
  for (const v1::VolumeProjection& source : volume.projected().sources()) {
    if (source.has_secret()) return true;
  }
  return false;
}

absl::StatusOr<Payload> MakePayload(const v1::Pod& pod, const v1::Volume& volume,
                                    const NodeContext& node, const ConfigSource& configs) {
  Payload payload;
  if (volume.has_config_map()) {
    MUSTER_RETURN_IF_ERROR(
        AddConfigMap(pod, volume.config_map(), ModeOf(volume.config_map()), configs, payload));
  } else if (volume.has_secret()) {
    MUSTER_RETURN_IF_ERROR(AddSecret(pod, volume.secret().secret_name(), volume.secret(),
                                     ModeOf(volume.secret()), configs, payload));
  } else if (volume.has_downward_api()) {
    MUSTER_RETURN_IF_ERROR(
        AddDownward(pod, volume.downward_api(), ModeOf(volume.downward_api()), node, payload));
  } else {
    for (const v1::VolumeProjection& source : volume.projected().sources()) {
      MUSTER_RETURN_IF_ERROR(
          AddProjection(pod, source, ModeOf(volume.projected()), node, configs, payload));
    }
  }
  return payload;
}

}  // namespace muster::agent
