#include <string>

#include "common/model/names.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_container.h"
#include "coordinator/admission/validate_volume.h"

namespace muster::coordinator {
namespace {

template <typename Selector>
void ValidateKeyRef(const FieldPath& path, const Selector& selector, Problems& problems) {
  CheckObjectName(path.Child("name"), selector.name(), problems);
  if (selector.key().empty()) {
    problems.Required(path.Child("key"));
  } else {
    problems.InvalidTexts(path.Child("key"), selector.key(), model::CheckConfigKey(selector.key()));
  }
}

void ValidateValueFrom(const FieldPath& path, const v1::EnvVar& variable, Problems& problems) {
  const v1::EnvVarSource& source = variable.value_from();
  int sources = 0;
  if (source.has_field_ref()) {
    ++sources;
    ValidateFieldRef(path.Child("fieldRef"), source.field_ref(), FieldRefUse::kEnvironment,
                     problems);
  }
  if (source.has_resource_field_ref()) {
    ++sources;
    ValidateResourceFieldRef(path.Child("resourceFieldRef"), source.resource_field_ref(),
                             FieldRefUse::kEnvironment, problems);
  }
  if (source.has_config_map_key_ref()) {
    ++sources;
    ValidateKeyRef(path.Child("configMapKeyRef"), source.config_map_key_ref(), problems);
  }
  if (source.has_secret_key_ref()) {
    ++sources;
    ValidateKeyRef(path.Child("secretKeyRef"), source.secret_key_ref(), problems);
  }
  if (source.has_file_key_ref()) ++sources;  // Refused elsewhere.
  if (sources == 0) {
    problems.InvalidText(
        path, "",
        "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`");
  } else if (!variable.value().empty()) {
    problems.InvalidText(path, "", "may not be specified when `value` is not empty");
  } else if (sources > 1) {
    problems.InvalidText(path, "", "may not have more than one field specified at a time");
  }
}

}  // namespace

void ValidateEnvironment(const FieldPath& container_path, const v1::Container& container,
                         Problems& problems) {
  for (int i = 0; i < container.env_size(); ++i) {
    const v1::EnvVar& variable = container.env(i);
    const FieldPath at = container_path.Child("env").Index(i);
    if (variable.name().empty()) {
      problems.Required(at.Child("name"));
    } else {
      problems.InvalidTexts(at.Child("name"), variable.name(),
                            model::CheckEnvName(variable.name()));
    }
    if (variable.has_value_from()) {
      ValidateValueFrom(at.Child("valueFrom"), variable, problems);
    }
  }
  for (int i = 0; i < container.env_from_size(); ++i) {
    const v1::EnvFromSource& source = container.env_from(i);
    const FieldPath at = container_path.Child("envFrom").Index(i);
    if (!source.prefix().empty()) {
      problems.InvalidTexts(at.Child("prefix"), source.prefix(),
                            model::CheckEnvName(source.prefix()));
    }
    if (source.has_config_map_ref()) {
      CheckObjectName(at.Child("configMapRef").Child("name"), source.config_map_ref().name(),
                      problems);
    }
    if (source.has_secret_ref()) {
      CheckObjectName(at.Child("secretRef").Child("name"), source.secret_ref().name(), problems);
    }
    if (!source.has_config_map_ref() && !source.has_secret_ref()) {
      problems.InvalidText(at, "", "must specify one of: `configMapRef` or `secretRef`");
    } else if (source.has_config_map_ref() && source.has_secret_ref()) {
      problems.InvalidText(at, "", "may not have more than one field specified at a time");
    }
  }
}

}  // namespace muster::coordinator
