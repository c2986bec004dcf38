#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "agent/network/service_env.h"
#include "agent/translate/expansion.h"
#include "agent/translate/field_ref.h"
#include "agent/translate/translate.h"
#include "common/base/macros.h"

namespace muster::agent {
namespace {

// Keeps the place of the first definition and the value of the last one.
class Variables {
 public:
  void Set(const std::string& name, std::string value) {
    for (auto& [known, old] : list_) {
      if (known == name) {
        old = std::move(value);
        return;
      }
    }
    list_.emplace_back(name, std::move(value));
  }
  std::optional<std::string> Find(std::string_view name) const {
    for (const auto& [known, value] : list_) {
      if (known == name) return value;
    }
    return std::nullopt;
  }
  Environment Take() { return std::move(list_); }

 private:
  Environment list_;
};

// Since Kubernetes 1.30: printable ASCII but "=".
bool IsVariableName(std::string_view name) {
  return !name.empty() && std::all_of(name.begin(), name.end(),
                                      [](char c) { return c >= ' ' && c <= '~' && c != '='; });
}

// Sorted, so that equal objects give equal lists.
template <typename Map>
std::vector<std::string> SortedKeys(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  std::sort(keys.begin(), keys.end());
  return keys;
}

template <typename Map>
void AddAll(const Map& data, const std::string& prefix, Variables& variables,
            std::vector<std::string>* skipped) {
  for (const std::string& key : SortedKeys(data)) {
    const std::string name = prefix + key;
    if (IsVariableName(name)) {
      variables.Set(name, std::string(data.at(key)));
    } else if (skipped != nullptr) {
      skipped->push_back(key);
    }
  }
}

absl::Status AddEnvFrom(const v1::Pod& pod, const v1::EnvFromSource& source,
                        const ConfigSource& configs, Variables& variables,
                        std::vector<std::string>* skipped) {
  const std::string& ns = pod.metadata().namespace_();
  if (source.has_config_map_ref()) {
    const v1::ConfigMapEnvSource& ref = source.config_map_ref();
    if (const v1::ConfigMap* config_map = configs.FindConfigMap(ns, ref.name())) {
      AddAll(config_map->data(), source.prefix(), variables, skipped);
    } else if (!ref.optional()) {
      return absl::NotFoundError(absl::StrCat("configmap \"", ref.name(), "\" not found"));
    }
  }
  if (source.has_secret_ref()) {
    const v1::SecretEnvSource& ref = source.secret_ref();
    if (const v1::Secret* secret = configs.FindSecret(ns, ref.name())) {
      AddAll(secret->data(), source.prefix(), variables, skipped);
    } else if (!ref.optional()) {
      return absl::NotFoundError(absl::StrCat("secret \"", ref.name(), "\" not found"));
    }
  }
  return absl::OkStatus();
}

// nullopt: the reference is optional and leads nowhere, so there is no variable.
absl::StatusOr<std::optional<std::string>> KeyValueOf(const v1::Pod& pod,
                                                      const v1::EnvVarSource& source,
                                                      const ConfigSource& configs) {
  const std::string& ns = pod.metadata().namespace_();
  if (source.has_config_map_key_ref()) {
    const v1::ConfigMapKeySelector& ref = source.config_map_key_ref();
    const v1::ConfigMap* config_map = configs.FindConfigMap(ns, ref.name());
    if (config_map == nullptr) {
      if (ref.optional()) return std::nullopt;
      return absl::NotFoundError(absl::StrCat("configmap \"", ref.name(), "\" not found"));
    }
    const auto found = config_map->data().find(ref.key());
    if (found != config_map->data().end()) return found->second;
    if (ref.optional()) return std::nullopt;
    return absl::NotFoundError(
        absl::StrCat("couldn't find key ", ref.key(), " in ConfigMap ", ns, "/", ref.name()));
  }
  const v1::SecretKeySelector& ref = source.secret_key_ref();
  const v1::Secret* secret = configs.FindSecret(ns, ref.name());
  if (secret == nullptr) {
    if (ref.optional()) return std::nullopt;
    return absl::NotFoundError(absl::StrCat("secret \"", ref.name(), "\" not found"));
  }
  const auto found = secret->data().find(ref.key());
  if (found != secret->data().end()) return std::string(found->second);
  if (ref.optional()) return std::nullopt;
  return absl::NotFoundError(
      absl::StrCat("couldn't find key ", ref.key(), " in Secret ", ns, "/", ref.name()));
}

absl::StatusOr<std::optional<std::string>> ValueFrom(
    const v1::Pod& pod, const v1::Container& container, const v1::EnvVarSource& source,
    const std::vector<std::string>& pod_ips, const NodeContext& node, const ConfigSource& configs) {
  if (source.has_field_ref()) {
    return FieldRefValue(pod, source.field_ref().field_path(), pod_ips, node);
  }
  if (source.has_resource_field_ref()) {
    return ResourceFieldRefValue(pod, source.resource_field_ref(), container.name(), node);
  }
  if (source.has_config_map_key_ref() || source.has_secret_key_ref()) {
    return KeyValueOf(pod, source, configs);
  }
  return absl::InvalidArgumentError("a valueFrom without a source");
}

}  // namespace

absl::StatusOr<Environment> ResolveEnvironment(const v1::Pod& pod, const v1::Container& container,
                                               const std::vector<std::string>& pod_ips,
                                               const NodeContext& node, const ConfigSource& configs,
                                               std::vector<std::string>* skipped) {
  Variables variables;
  // First, so that everything that is said in the pod wins over them.
  const bool links = !pod.spec().has_enable_service_links() || pod.spec().enable_service_links();
  if (links && node.services != nullptr) {
    for (auto& [name, value] : ServiceVariables(*node.services, pod.metadata().namespace_())) {
      variables.Set(name, std::move(value));
    }
  }
  for (const v1::EnvFromSource& source : container.env_from()) {
    MUSTER_RETURN_IF_ERROR(AddEnvFrom(pod, source, configs, variables, skipped));
  }
  for (const v1::EnvVar& variable : container.env()) {
    if (!variable.value().empty() || !variable.has_value_from()) {
      // Only what is defined so far can be referred to.
      variables.Set(variable.name(), Expand(variable.value(), [&](std::string_view name) {
                                       return variables.Find(name);
                                     }).text);
      continue;
    }
    auto value = ValueFrom(pod, container, variable.value_from(), pod_ips, node, configs);
    if (!value.ok()) return value.status();
    if (value->has_value()) variables.Set(variable.name(), **value);
  }
  return variables.Take();
}

}  // namespace muster::agent
