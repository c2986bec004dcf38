#include "coordinator/admission/validate_small_kinds.h"

#include <set>
#include <string>
#include <utility>

#include "common/model/names.h"
#include "common/model/pod_annotations.h"
#include "common/model/semantic_equal.h"
#include "common/model/static_pod.h"
#include "coordinator/admission/validate_common.h"
#include "coordinator/admission/validate_resize.h"

namespace muster::coordinator {
namespace {

constexpr int64_t kDataBytesMax = 1 << 20;
constexpr int32_t kUserPriorityMax = 1'000'000'000;
constexpr char kImmutableData[] = "field is immutable when `immutable` is set";

template <typename Map>
size_t CheckKeys(const FieldPath& path, const Map& data, Problems& problems) {
  size_t bytes = 0;
  for (const auto* entry : SortedEntries(data)) {
    problems.InvalidTexts(path.Key(entry->first), entry->first,
                          model::CheckConfigKey(entry->first));
    bytes += entry->second.size();
  }
  return bytes;
}

// The keys that a Secret of a certain type has to have.
void CheckTypedData(const v1::Secret& secret, Problems& problems) {
  const FieldPath data("data");
  auto need = [&](const char* key) {
    if (secret.data().count(key) == 0) problems.Required(data.Key(key));
  };
  if (secret.type() == "kubernetes.io/dockerconfigjson") {
    need(".dockerconfigjson");
  } else if (secret.type() == "kubernetes.io/dockercfg") {
    need(".dockercfg");
  } else if (secret.type() == "kubernetes.io/tls") {
    need("tls.crt");
    need("tls.key");
  } else if (secret.type() == "kubernetes.io/ssh-auth") {
    need("ssh-privatekey");
  } else if (secret.type() == "kubernetes.io/basic-auth") {
    if (secret.data().count("username") == 0 && secret.data().count("password") == 0) {
      problems.Required(data.Key("username"));
      problems.Required(data.Key("password"));
    }
  }
}

template <typename Kind>
void CheckDataUpdate(const Kind& updated, const Kind& stored, Problems& problems) {
  if (!stored.immutable()) return;
  if (!updated.immutable()) problems.Forbidden(FieldPath("immutable"), kImmutableData);
  Kind data_before;
  Kind data_now;
  *data_before.mutable_data() = stored.data();
  *data_now.mutable_data() = updated.data();
  if (!model::SemanticallyEqual(data_before, data_now)) {
    problems.Forbidden(FieldPath("data"), kImmutableData);
  }
}

// What may differ between two specs of one pod, taken from the old one.
void AdoptMutableFields(const v1::PodSpec& stored, v1::PodSpec& updated) {
  if (updated.containers_size() == stored.containers_size()) {
    for (int i = 0; i < stored.containers_size(); ++i) {
      updated.mutable_containers(i)->set_image(stored.containers(i).image());
    }
  }
  if (updated.init_containers_size() == stored.init_containers_size()) {
    for (int i = 0; i < stored.init_containers_size(); ++i) {
      updated.mutable_init_containers(i)->set_image(stored.init_containers(i).image());
    }
  }
  updated.clear_active_deadline_seconds();
  if (stored.has_active_deadline_seconds()) {
    updated.set_active_deadline_seconds(stored.active_deadline_seconds());
  }
}

bool KeepsTolerations(const v1::PodSpec& updated, const v1::PodSpec& stored) {
  for (const v1::Toleration& before : stored.tolerations()) {
    bool kept = false;
    for (const v1::Toleration& now : updated.tolerations()) {
      kept |= model::SemanticallyEqual(before, now);
    }
    if (!kept) return false;
  }
  return true;
}

}  // namespace

void ValidateConfigMap(const v1::ConfigMap& config_map, Problems& problems) {
  const FieldPath data("data");
  size_t bytes = CheckKeys(data, config_map.data(), problems);
  bytes += CheckKeys(FieldPath("binaryData"), config_map.binary_data(), problems);
  for (const auto* entry : SortedEntries(config_map.data())) {
    if (config_map.binary_data().count(entry->first) > 0) {
      problems.InvalidText(data.Key(entry->first), entry->first,
                           "duplicate of key present in binaryData");
    }
  }
  if (bytes > kDataBytesMax) problems.TooLong(FieldPath("data"), kDataBytesMax);
}

void ValidateSecret(const v1::Secret& secret, Problems& problems) {
  if (CheckKeys(FieldPath("data"), secret.data(), problems) > kDataBytesMax) {
    problems.TooLong(FieldPath("data"), kDataBytesMax);
  }
  CheckTypedData(secret, problems);
}

void ValidatePriorityClass(const v1::PriorityClass& priority_class, Problems& problems) {
  const std::string& name = priority_class.metadata().name();
  if (name.starts_with("system-")) {
    problems.Forbidden(FieldPath("metadata.name"),
                       "priority class names with 'system-' prefix are reserved for system use "
                       "only");
  } else if (priority_class.value() > kUserPriorityMax) {
    problems.Forbidden(FieldPath("value"),
                       "maximum allowed value of a user defined priority is 1000000000");
  }
  CheckOneOf(FieldPath("preemptionPolicy"), priority_class.preemption_policy(),
             {"Never", "PreemptLowerPriority"}, true, problems);
}

void ValidateServiceAccount(const v1::ServiceAccount& account, Problems& problems) {
  for (int i = 0; i < account.image_pull_secrets_size(); ++i) {
    CheckObjectName(FieldPath("imagePullSecrets").Index(i).Child("name"),
                    account.image_pull_secrets(i).name(), problems);
  }
}

void ValidatePodUpdate(const v1::Pod& updated, const v1::Pod& stored, Problems& problems) {
  // What stands for a static pod cannot become a pod of its own, nor the other way round; and the
  // sandbox of a pod is made with port mappings or without.
  for (const char* mark : {model::kConfigMirrorAnnotation, model::kZeroGapAnnotation}) {
    const auto mark_of = [mark](const v1::Pod& pod) {
      const auto found = pod.metadata().annotations().find(mark);
      return found == pod.metadata().annotations().end() ? std::string() : found->second;
    };
    if (mark_of(updated) == mark_of(stored)) continue;
    problems.InvalidText(FieldPath("metadata.annotations").Key(mark), mark_of(updated),
                         "field is immutable");
  }
  v1::PodSpec comparable = updated.spec();
  AdoptMutableFields(stored.spec(), comparable);
  AdoptResources(stored.spec(), comparable);
  ValidateResize(FieldPath("spec"), updated.spec(), stored.spec(), problems);
  const bool tolerations_kept = KeepsTolerations(updated.spec(), stored.spec());
  if (tolerations_kept) *comparable.mutable_tolerations() = stored.spec().tolerations();
  if (!model::SemanticallyEqual(comparable, stored.spec())) {
    problems.Forbidden(FieldPath("spec"),
                       "pod updates may not change fields other than "
                       "`spec.containers[*].image`,`spec.initContainers[*].image`,"
                       "`spec.containers[*].resources` (cpu and memory),"
                       "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to "
                       "existing tolerations)");
  }
}

void ValidateConfigMapUpdate(const v1::ConfigMap& updated, const v1::ConfigMap& stored,
                             Problems& problems) {
  CheckDataUpdate(updated, stored, problems);
  if (!stored.immutable()) return;
  v1::ConfigMap before;
  v1::ConfigMap now;
  *before.mutable_binary_data() = stored.binary_data();
  *now.mutable_binary_data() = updated.binary_data();
  if (!model::SemanticallyEqual(before, now)) {
    problems.Forbidden(FieldPath("binaryData"), kImmutableData);
  }
}

void ValidateSecretUpdate(const v1::Secret& updated, const v1::Secret& stored, Problems& problems) {
  if (updated.type() != stored.type()) {
    problems.InvalidText(FieldPath("type"), updated.type(), "field is immutable");
  }
  CheckDataUpdate(updated, stored, problems);
}

void ValidatePriorityClassUpdate(const v1::PriorityClass& updated, const v1::PriorityClass& stored,
                                 Problems& problems) {
  if (updated.value() != stored.value()) {
    problems.Forbidden(FieldPath("value"), "may not be changed in an update.");
  }
  if (updated.preemption_policy() != stored.preemption_policy()) {
    problems.InvalidText(FieldPath("preemptionPolicy"), updated.preemption_policy(),
                         "field is immutable");
  }
}

}  // namespace muster::coordinator
