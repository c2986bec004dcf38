#include "common/model/static_pod.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "common/model/canonical_text.h"
#include "common/model/hash.h"
#include "common/model/names.h"
#include "common/model/pod_defaults.h"

namespace muster::model {
namespace {

// 128 bits, of four different beginnings.
std::string Hash(const std::string& text) {
  std::string hash;
  for (const char* seed : {"a", "b", "c", "d"}) {
    absl::StrAppendFormat(&hash, "%08x", Fnv1a(absl::StrCat(seed, text, seed)));
  }
  return hash;
}

bool Mentions(const v1::EnvVar& variable) {
  return variable.value_from().has_config_map_key_ref() ||
         variable.value_from().has_secret_key_ref();
}

// What of the pod only the coordinator could give; empty: nothing.
std::string NeedsCoordinator(const v1::PodSpec& spec) {
  const std::string& account = spec.service_account_name();
  if (!account.empty() && account != "default") return "spec.serviceAccountName";
  if (!spec.image_pull_secrets().empty()) return "spec.imagePullSecrets";
  for (const auto* containers : {&spec.init_containers(), &spec.containers()}) {
    for (const v1::Container& container : *containers) {
      if (std::ranges::any_of(container.env(), Mentions) || !container.env_from().empty()) {
        return absl::StrCat("the variables of container \"", container.name(), "\"");
      }
    }
  }
  for (const v1::Volume& volume : spec.volumes()) {
    const auto needs = [](const v1::VolumeProjection& source) {
      return source.has_config_map() || source.has_secret() || source.has_service_account_token();
    };
    if (volume.has_config_map() || volume.has_secret() ||
        std::ranges::any_of(volume.projected().sources(), needs)) {
      return absl::StrCat("volume \"", volume.name(), "\"");
    }
  }
  return "";
}

std::string Annotation(const v1::Pod& pod, const char* name) {
  const auto found = pod.metadata().annotations().find(name);
  return found == pod.metadata().annotations().end() ? "" : found->second;
}

}  // namespace

absl::StatusOr<v1::Pod> MakeStaticPod(const v1::Pod& manifest, const StaticPodOrigin& origin) {
  const NameProblems problems = CheckDnsSubdomain(manifest.metadata().name());
  if (!problems.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("metadata.name: \"", manifest.metadata().name(), "\": ", problems.front()));
  }
  if (manifest.spec().containers().empty()) {
    return absl::InvalidArgumentError("spec.containers: a pod needs at least one");
  }
  for (const auto* containers :
       {&manifest.spec().init_containers(), &manifest.spec().containers()}) {
    for (const v1::Container& container : *containers) {
      if (container.name().empty() || container.image().empty()) {
        return absl::InvalidArgumentError("spec.containers: each needs a name and an image");
      }
    }
  }
  if (const std::string what = NeedsCoordinator(manifest.spec()); !what.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(what, ": a static pod may not use ConfigMaps, Secrets or service accounts"));
  }
  v1::Pod pod = manifest;
  pod.set_api_version("v1");
  pod.set_kind("Pod");
  pod.clear_status();
  v1::ObjectMeta& meta = *pod.mutable_metadata();
  const std::string hash =
      Hash(absl::StrCat(CanonicalText(manifest), "\n", origin.node, "\n", origin.file));
  meta.set_uid(hash);
  meta.clear_resource_version();
  meta.clear_owner_references();
  meta.clear_finalizers();
  meta.set_name(absl::StrCat(meta.name(), "-", absl::AsciiStrToLower(origin.node)));
  if (meta.namespace_().empty()) meta.set_namespace_("default");
  auto& annotations = *meta.mutable_annotations();
  annotations[kConfigSourceAnnotation] = "file";
  annotations[kConfigHashAnnotation] = hash;
  annotations[kConfigSeenAnnotation] = absl::FormatTime(
      "%Y-%m-%dT%H:%M:%E*SZ", absl::FromChrono(origin.changed), absl::UTCTimeZone());
  annotations.erase(kConfigMirrorAnnotation);
  pod.mutable_spec()->set_node_name(origin.node);
  v1::Toleration& stays = *pod.mutable_spec()->add_tolerations();
  stays.set_operator_("Exists");
  stays.set_effect("NoExecute");
  SetPodDefaults(*pod.mutable_spec());
  return pod;
}

v1::Pod MirrorOf(const v1::Pod& static_pod, const std::string& node_uid) {
  v1::Pod mirror = static_pod;
  v1::ObjectMeta& meta = *mirror.mutable_metadata();
  (*meta.mutable_annotations())[kConfigMirrorAnnotation] =
      Annotation(static_pod, kConfigHashAnnotation);
  v1::OwnerReference& owner = *meta.add_owner_references();
  owner.set_api_version("v1");
  owner.set_kind("Node");
  owner.set_name(static_pod.spec().node_name());
  owner.set_uid(node_uid);
  owner.set_controller(true);
  return mirror;
}

bool IsMirror(const v1::Pod& pod) { return !Annotation(pod, kConfigMirrorAnnotation).empty(); }

bool IsStatic(const v1::Pod& pod) {
  const std::string source = Annotation(pod, kConfigSourceAnnotation);
  return !source.empty() && source != "api";
}

std::string MirrorProblem(const v1::Pod& mirror, const std::string& node) {
  if (!IsMirror(mirror)) return "it has no mark of a mirror";
  if (mirror.spec().node_name() != node) return "it is on another node";
  if (!mirror.metadata().name().ends_with("-" + absl::AsciiStrToLower(node))) {
    return "its name does not end in that of the node";
  }
  if (mirror.metadata().uid().empty()) return "it has no uid";
  const std::string what = NeedsCoordinator(mirror.spec());
  return what.empty() ? "" : absl::StrCat("it asks for what is not the node's: ", what);
}

}  // namespace muster::model
