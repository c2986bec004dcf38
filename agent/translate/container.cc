#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "agent/translate/expansion.h"
#include "agent/translate/resources.h"
#include "agent/translate/security.h"
#include "agent/translate/translate.h"
#include "common/base/macros.h"
#include "common/manifest/decode.h"
#include "common/manifest/encode.h"
#include "common/model/pod_annotations.h"

namespace muster::agent {
namespace {

constexpr char kHashAlgorithm[] = "m1-";
constexpr size_t kFileNameMax = 255;

template <typename Range>
std::vector<std::string> ExpandAll(const Range& texts, const Environment& environment) {
  const std::map<std::string, std::string, std::less<>> values(environment.begin(),
                                                               environment.end());
  std::vector<std::string> result;
  for (const std::string& text : texts) {
    result.push_back(Expand(text, [&](std::string_view name) -> std::optional<std::string> {
                       const auto found = values.find(name);
                       if (found == values.end()) return std::nullopt;
                       return found->second;
                     }).text);
  }
  return result;
}

MountPropagation PropagationOf(const v1::VolumeMount& mount) {
  if (mount.mount_propagation() == "HostToContainer") return MountPropagation::kHostToContainer;
  if (mount.mount_propagation() == "Bidirectional") return MountPropagation::kBidirectional;
  return MountPropagation::kPrivate;
}

std::string Absolute(const std::string& path) {
  return path.empty() || path.front() != '/' ? absl::StrCat("/", path) : path;
}

bool MountsAt(const v1::Container& container, std::string_view path) {
  for (const v1::VolumeMount& mount : container.volume_mounts()) {
    if (mount.mount_path() == path) return true;
  }
  return false;
}

const v1::Volume& FindVolume(const v1::PodSpec& spec, const std::string& name) {
  for (const v1::Volume& volume : spec.volumes()) {
    if (volume.name() == name) return volume;
  }
  return v1::Volume::default_instance();
}

// Kubernetes: what comes from the API is never writable in a container, whatever the mount says.
bool IsConfiguration(const v1::Volume& volume) {
  return volume.has_config_map() || volume.has_secret() || volume.has_downward_api() ||
         volume.has_projected();
}

// Made by us for this pod alone, so that it may be given the label of its containers.
bool IsOurs(const v1::Volume& volume) { return IsConfiguration(volume) || volume.has_empty_dir(); }

absl::StatusOr<std::vector<Mount>> MakeMounts(const v1::PodSpec& spec,
                                              const v1::Container& container,
                                              const ContainerFiles& files, bool selinux) {
  if (files.mount_paths.size() != static_cast<size_t>(container.volume_mounts_size())) {
    return absl::InternalError("the volumes of this container were not prepared");
  }
  std::vector<Mount> mounts;
  for (int i = 0; i < container.volume_mounts_size(); ++i) {
    const v1::VolumeMount& mount = container.volume_mounts(i);
    const v1::Volume& volume = FindVolume(spec, mount.name());
    mounts.push_back({.container_path = Absolute(mount.mount_path()),
                      .host_path = files.mount_paths[i],
                      .readonly = mount.read_only() || IsConfiguration(volume),
                      .selinux_relabel = selinux && IsOurs(volume),
                      .propagation = PropagationOf(mount)});
  }
  if (!files.service_account_path.empty() &&
      !MountsAt(container, model::kServiceAccountMountPath)) {
    mounts.push_back({.container_path = model::kServiceAccountMountPath,
                      .host_path = files.service_account_path,
                      .readonly = true,
                      .selinux_relabel = selinux});
  }
  if (!files.etc_hosts_path.empty() && !MountsAt(container, "/etc/hosts")) {
    mounts.push_back({.container_path = "/etc/hosts",
                      .host_path = files.etc_hosts_path,
                      .selinux_relabel = selinux});
  }
  if (!files.termination_log_path.empty()) {
    mounts.push_back({.container_path = Absolute(container.termination_message_path()),
                      .host_path = files.termination_log_path,
                      .selinux_relabel = selinux});
  }
  return mounts;
}

void AnnotateHandlers(const v1::Container& container, ContainerConfig& config) {
  if (!container.ports().empty()) {
    config.annotations[kAnnotationPorts] =
        absl::StrCat("[",
                     absl::StrJoin(container.ports(), ",",
                                   [](std::string* out, const v1::ContainerPort& port) {
                                     out->append(manifest::EncodeJson(port));
                                   }),
                     "]");
  }
  if (container.lifecycle().has_pre_stop()) {
    config.annotations[kAnnotationPreStop] = manifest::EncodeJson(container.lifecycle().pre_stop());
  }
}

uint64_t Fnv1a64(std::string_view text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3u;
  }
  return hash;
}

}  // namespace

std::string DefinitionHash(const v1::Container& container) {
  const std::string text = absl::StrCat(container.name(), std::string(1, '\0'), container.image());
  return absl::StrCat(kHashAlgorithm, absl::StrFormat("%016x", Fnv1a64(text)));
}

v1::Container RecallHandlers(const std::string& name,
                             const std::map<std::string, std::string>& annotations) {
  v1::Container container;
  const auto take = [&](const char* key, const char* before, const char* after) {
    const auto found = annotations.find(key);
    if (found == annotations.end()) return;
    v1::Container part;
    if (manifest::DecodeJson(absl::StrCat(before, found->second, after), part,
                             manifest::UnknownFields::kIgnore)
            .ok()) {
      container.MergeFrom(part);
    }
  };
  take(kAnnotationPorts, R"({"ports":)", "}");
  take(kAnnotationPreStop, R"({"lifecycle":{"preStop":)", "}}");
  container.set_name(name);
  return container;
}

std::string ContainerLogLinkName(const v1::Pod& pod, const std::string& container,
                                 const std::string& container_id) {
  const std::string tail = absl::StrCat("-", container_id, ".log");
  std::string head =
      absl::StrCat(pod.metadata().name(), "_", pod.metadata().namespace_(), "_", container);
  if (head.size() + tail.size() > kFileNameMax) {
    head.resize(kFileNameMax - std::min(kFileNameMax, tail.size()));
  }
  return head + tail;
}

absl::StatusOr<ContainerConfig> MakeContainerConfig(
    const v1::Pod& pod, const v1::Container& container, bool is_init, uint32_t restart_count,
    const ResolvedImage& image, const PodContext& context, const NodeContext& node,
    const ConfigSource& configs) {
  const v1::ObjectMeta& meta = pod.metadata();
  ContainerConfig config;
  config.name = container.name();
  config.attempt = restart_count;
  config.image_id = image.id;
  config.image_name = container.image();
  MUSTER_ASSIGN_OR_RETURN(config.envs,
                          ResolveEnvironment(pod, container, context.pod_ips, node, configs));
  config.command = ExpandAll(container.command(), config.envs);
  config.args = ExpandAll(container.args(), config.envs);
  config.working_dir = container.working_dir();
  MUSTER_ASSIGN_OR_RETURN(config.mounts,
                          MakeMounts(pod.spec(), container, context.files, node.selinux));
  config.labels = {{kLabelPodName, meta.name()},
                   {kLabelPodNamespace, meta.namespace_()},
                   {kLabelPodUid, meta.uid()},
                   {kLabelContainerName, container.name()},
                   {kLabelNodeUid, node.node_uid}};
  config.annotations = {
      {kAnnotationHash, DefinitionHash(container)},
      {kAnnotationRestartCount, absl::StrCat(restart_count)},
      {kAnnotationTerminationPath, container.termination_message_path()},
      {kAnnotationTerminationPolicy, container.termination_message_policy()},
      {kAnnotationResources, manifest::EncodeJson(container.resources())},
      {kAnnotationContainerType, is_init ? "init" : "container"},
      {kAnnotationGrace, absl::StrCat(pod.spec().termination_grace_period_seconds())}};
  AnnotateHandlers(container, config);
  if (container.lifecycle().has_post_start()) config.annotations[kAnnotationPostStart] = "owed";
  config.log_path = absl::StrCat(container.name(), "/", restart_count, ".log");
  config.stdin = container.stdin();
  config.stdin_once = container.stdin_once();
  config.tty = container.tty();
  MUSTER_ASSIGN_OR_RETURN(config.resources, MakeResources(pod, container, node));
  MUSTER_RETURN_IF_ERROR(ApplySecurity(pod, container, image, node, config));
  return config;
}

}  // namespace muster::agent
