#include "coordinator/admission/validate_volume.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "common/model/names.h"
#include "coordinator/admission/validate_common.h"
#include "google/protobuf/descriptor.h"

namespace muster::coordinator {
namespace {

using google::protobuf::FieldDescriptor;

// The set fields of a union, by their JSON names.
std::vector<std::string> SourcesOf(const google::protobuf::Message& message) {
  std::vector<const FieldDescriptor*> fields;
  message.GetReflection()->ListFields(message, &fields);
  std::vector<std::string> sources;
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      sources.push_back(field->json_name());
    }
  }
  return sources;
}

void CheckOneSource(const FieldPath& path, const google::protobuf::Message& message,
                    const char* none, Problems& problems) {
  const std::vector<std::string> sources = SourcesOf(message);
  if (sources.empty()) problems.Required(path, none);
  for (size_t i = 1; i < sources.size(); ++i) {
    problems.Forbidden(path.Child(sources[i]), "may not specify more than 1 volume type");
  }
}

template <typename Items>
void ValidateKeyPaths(const FieldPath& path, const Items& items, Problems& problems) {
  for (int i = 0; i < items.size(); ++i) {
    const FieldPath at = path.Index(i);
    if (items[i].key().empty()) problems.Required(at.Child("key"));
    if (items[i].path().empty()) {
      problems.Required(at.Child("path"));
    } else {
      CheckPathInside(at.Child("path"), items[i].path(), problems);
      if (items[i].path().starts_with("..") && !items[i].path().starts_with("../")) {
        problems.InvalidText(at.Child("path"), items[i].path(), "must not start with '..'");
      }
    }
    if (items[i].has_mode()) CheckFileMode(at.Child("mode"), items[i].mode(), problems);
  }
}

template <typename Items>
void ValidateDownwardFiles(const FieldPath& path, const Items& items, Problems& problems) {
  for (int i = 0; i < items.size(); ++i) {
    const FieldPath at = path.Index(i);
    if (items[i].path().empty()) {
      problems.Required(at.Child("path"));
    } else {
      CheckPathInside(at.Child("path"), items[i].path(), problems);
    }
    if (items[i].has_field_ref()) {
      ValidateFieldRef(at.Child("fieldRef"), items[i].field_ref(), FieldRefUse::kVolume, problems);
      if (items[i].has_resource_field_ref()) {
        problems.Invalid(at, JsonText(items[i]),
                         "fieldRef and resourceFieldRef can not be specified simultaneously");
      }
    } else if (items[i].has_resource_field_ref()) {
      ValidateResourceFieldRef(at.Child("resourceFieldRef"), items[i].resource_field_ref(),
                               FieldRefUse::kVolume, problems);
    } else {
      problems.Required(at.Child("fieldRef"), "one of fieldRef and resourceFieldRef is required");
    }
    if (items[i].has_mode()) CheckFileMode(at.Child("mode"), items[i].mode(), problems);
  }
}

template <typename Source>
void CheckDefaultMode(const FieldPath& path, const Source& source, Problems& problems) {
  if (source.has_default_mode()) {
    CheckFileMode(path.Child("defaultMode"), source.default_mode(), problems);
  }
}

void ValidateProjection(const FieldPath& path, const v1::VolumeProjection& projection,
                        Problems& problems) {
  CheckOneSource(path, projection, "must specify a projection type", problems);
  if (projection.has_secret()) {
    CheckObjectName(path.Child("secret").Child("name"), projection.secret().name(), problems);
    ValidateKeyPaths(path.Child("secret").Child("items"), projection.secret().items(), problems);
  }
  if (projection.has_config_map()) {
    const FieldPath source = path.Child("configMap");
    CheckObjectName(source.Child("name"), projection.config_map().name(), problems);
    ValidateKeyPaths(source.Child("items"), projection.config_map().items(), problems);
  }
  if (projection.has_downward_api()) {
    ValidateDownwardFiles(path.Child("downwardAPI").Child("items"),
                          projection.downward_api().items(), problems);
  }
}

void ValidateSource(const FieldPath& path, const v1::Volume& volume, Problems& problems) {
  CheckOneSource(path, volume, "must specify a volume type", problems);
  if (volume.has_host_path()) {
    const FieldPath source = path.Child("hostPath");
    if (volume.host_path().path().empty()) {
      problems.Required(source.Child("path"));
    } else {
      CheckNoParentSteps(source.Child("path"), volume.host_path().path(), problems);
    }
    CheckOneOf(source.Child("type"), volume.host_path().type(),
               {"DirectoryOrCreate", "Directory", "FileOrCreate", "File", "Socket", "CharDevice",
                "BlockDevice"},
               false, problems);
  }
  if (volume.has_empty_dir() && volume.empty_dir().has_size_limit()) {
    CheckAmount(path.Child("emptyDir").Child("sizeLimit"), volume.empty_dir().size_limit(),
                problems);
  }
  if (volume.has_secret()) {
    const FieldPath source = path.Child("secret");
    CheckObjectName(source.Child("secretName"), volume.secret().secret_name(), problems);
    CheckDefaultMode(source, volume.secret(), problems);
    ValidateKeyPaths(source.Child("items"), volume.secret().items(), problems);
  }
  if (volume.has_config_map()) {
    const FieldPath source = path.Child("configMap");
    CheckObjectName(source.Child("name"), volume.config_map().name(), problems);
    CheckDefaultMode(source, volume.config_map(), problems);
    ValidateKeyPaths(source.Child("items"), volume.config_map().items(), problems);
  }
  if (volume.has_downward_api()) {
    const FieldPath source = path.Child("downwardAPI");
    CheckDefaultMode(source, volume.downward_api(), problems);
    ValidateDownwardFiles(source.Child("items"), volume.downward_api().items(), problems);
  }
  if (volume.has_projected()) {
    const FieldPath source = path.Child("projected");
    CheckDefaultMode(source, volume.projected(), problems);
    for (int i = 0; i < volume.projected().sources_size(); ++i) {
      ValidateProjection(source.Child("sources").Index(i), volume.projected().sources(i), problems);
    }
  }
}

// "metadata.labels['app']": the key in quotes, or nothing when it is not that field.
std::string SubscriptOf(std::string_view field_path, std::string_view field) {
  if (!field_path.starts_with(field)) return "";
  std::string_view rest = field_path.substr(field.size());
  if (rest.size() < 5 || !rest.starts_with("['") || !rest.ends_with("']")) return "";
  return std::string(rest.substr(2, rest.size() - 4));
}

}  // namespace

void ValidateFieldRef(const FieldPath& path, const v1::ObjectFieldSelector& field_ref,
                      FieldRefUse use, Problems& problems) {
  const FieldPath at = path.Child("fieldPath");
  const std::string& field = field_ref.field_path();
  if (field_ref.api_version() != "v1") {
    problems.InvalidText(path.Child("apiVersion"), field_ref.api_version(), "must be \"v1\"");
  }
  if (field.empty()) {
    problems.Required(at);
    return;
  }
  for (const char* map : {"metadata.labels", "metadata.annotations"}) {
    const std::string key = SubscriptOf(field, map);
    if (key.empty()) continue;
    problems.InvalidTexts(at, key, model::CheckQualifiedName(key));
    return;
  }
  std::vector<std::string_view> supported = {"metadata.name", "metadata.namespace", "metadata.uid"};
  if (use == FieldRefUse::kVolume) {
    supported.insert(supported.end(), {"metadata.labels", "metadata.annotations"});
  } else {
    supported.insert(supported.end(), {"spec.nodeName", "spec.serviceAccountName", "status.hostIP",
                                       "status.hostIPs", "status.podIP", "status.podIPs"});
  }
  CheckOneOf(at, field, supported, true, problems);
}

void ValidateResourceFieldRef(const FieldPath& path, const v1::ResourceFieldSelector& field_ref,
                              FieldRefUse use, Problems& problems) {
  if (use == FieldRefUse::kVolume && field_ref.container_name().empty()) {
    problems.Required(path.Child("containerName"));
  }
  const std::string& resource = field_ref.resource();
  if (!resource.starts_with("limits.hugepages-") && !resource.starts_with("requests.hugepages-")) {
    CheckOneOf(path.Child("resource"), resource,
               {"limits.cpu", "limits.memory", "limits.ephemeral-storage", "requests.cpu",
                "requests.memory", "requests.ephemeral-storage"},
               true, problems);
  }
  if (field_ref.has_divisor()) CheckAmount(path.Child("divisor"), field_ref.divisor(), problems);
}

std::set<std::string> ValidateVolumes(const FieldPath& path,
                                      const google::protobuf::RepeatedPtrField<v1::Volume>& volumes,
                                      Problems& problems) {
  std::set<std::string> names;
  for (int i = 0; i < volumes.size(); ++i) {
    const v1::Volume& volume = volumes[i];
    const FieldPath at = path.Index(i);
    if (volume.name().empty()) {
      problems.Required(at.Child("name"));
    } else {
      problems.InvalidTexts(at.Child("name"), volume.name(), model::CheckDnsLabel(volume.name()));
      if (!names.insert(volume.name()).second) problems.Duplicate(at.Child("name"), volume.name());
    }
    ValidateSource(at, volume, problems);
  }
  return names;
}

}  // namespace muster::coordinator
