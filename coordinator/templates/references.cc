#include "coordinator/templates/references.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace muster::coordinator {
namespace {

// Collects names of one namespace; an empty name mentions nothing.
class Collector {
 public:
  explicit Collector(const std::string& name_space) : namespace_(name_space) {}

  void ConfigMap(const std::string& name) { Add("configmaps", name); }
  void Secret(const std::string& name) { Add("secrets", name); }

  // Regular, init and ephemeral containers have these fields in common.
  template <typename AnyContainer>
  void Container(const AnyContainer& container) {
    for (const v1::EnvFromSource& source : container.env_from()) {
      ConfigMap(source.config_map_ref().name());
      Secret(source.secret_ref().name());
    }
    for (const v1::EnvVar& variable : container.env()) {
      ConfigMap(variable.value_from().config_map_key_ref().name());
      Secret(variable.value_from().secret_key_ref().name());
    }
  }

  void Volume(const v1::Volume& volume) {
    ConfigMap(volume.config_map().name());
    Secret(volume.secret().secret_name());
    for (const v1::VolumeProjection& source : volume.projected().sources()) {
      ConfigMap(source.config_map().name());
      Secret(source.secret().name());
    }
  }

  std::vector<std::string> Take() && {
    std::sort(keys_.begin(), keys_.end());
    keys_.erase(std::unique(keys_.begin(), keys_.end()), keys_.end());
    return std::move(keys_);
  }

 private:
  void Add(const std::string& resource, const std::string& name) {
    if (!name.empty()) keys_.push_back(SessionKey(resource, namespace_, name));
  }

  const std::string& namespace_;
  std::vector<std::string> keys_;
};

}  // namespace

std::string SessionKey(const std::string& resource, const std::string& name_space,
                       const std::string& name) {
  return absl::StrCat(resource, "/", name_space, "/", name);
}

std::vector<std::string> ReferencedKeys(const v1::Pod& pod) {
  const v1::PodSpec& spec = pod.spec();
  Collector collector(pod.metadata().namespace_());
  for (const auto& container : spec.init_containers()) collector.Container(container);
  for (const auto& container : spec.containers()) collector.Container(container);
  for (const auto& container : spec.ephemeral_containers()) collector.Container(container);
  for (const auto& volume : spec.volumes()) collector.Volume(volume);
  for (const auto& secret : spec.image_pull_secrets()) collector.Secret(secret.name());
  for (const auto& secret : pod.pre_pull().image_pull_secrets()) collector.Secret(secret.name());
  return std::move(collector).Take();
}

}  // namespace muster::coordinator
