#include "agent/volumes/linux_volume_host.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "agent/translate/expansion.h"
#include "agent/translate/translate.h"
#include "agent/volumes/atomic_writer.h"
#include "agent/volumes/etc_hosts.h"
#include "agent/volumes/group_ownership.h"
#include "agent/volumes/host_path.h"
#include "agent/volumes/mounts.h"
#include "agent/volumes/nested_mounts.h"
#include "agent/volumes/payload.h"
#include "common/base/macros.h"
#include "common/base/status.h"
#include "common/base/text_file.h"
#include "common/model/pod_annotations.h"
#include "common/model/quantity.h"
#include "spdlog/spdlog.h"

namespace muster::agent {
namespace {

// What Kubernetes reads of a termination message file.
constexpr std::streamoff kTerminationBytesMax = 4096;
constexpr mode_t kEveryone = 0777;
constexpr mode_t kReadByGroup = 0440;

const char* DirectoryOfKind(const v1::Volume& volume) {
  if (volume.has_config_map()) return "kubernetes.io~configmap";
  if (volume.has_secret()) return "kubernetes.io~secret";
  if (volume.has_downward_api()) return "kubernetes.io~downward-api";
  if (volume.has_projected()) return "kubernetes.io~projected";
  return "kubernetes.io~empty-dir";
}

int64_t BytesOf(const v1::Quantity& quantity) {
  const auto parsed = model::Quantity::Parse(quantity.text());
  return parsed.ok() ? parsed->Value() : 0;
}

// What all containers together may use; nullopt unless each has a limit.
std::optional<int64_t> MemoryLimitOf(const v1::PodSpec& spec) {
  int64_t sum = 0;
  for (const v1::Container& container : spec.containers()) {
    const auto found = container.resources().limits().find("memory");
    if (found == container.resources().limits().end()) return std::nullopt;
    sum += BytesOf(found->second);
  }
  return sum;
}

// The smallest of what the node has for pods, what the containers may use, and sizeLimit; 0 when
// none of them is known.
uint64_t MemoryVolumeSize(const v1::Pod& pod, const v1::EmptyDirVolumeSource& source,
                          const NodeContext& node) {
  int64_t size = 0;
  const auto at_most = [&size](int64_t bytes) {
    if (bytes > 0) size = size > 0 ? std::min(size, bytes) : bytes;
  };
  const auto allocatable = node.allocatable.find("memory");
  if (allocatable != node.allocatable.end()) at_most(BytesOf(allocatable->second));
  at_most(MemoryLimitOf(pod.spec()).value_or(0));
  at_most(BytesOf(source.size_limit()));
  return static_cast<uint64_t>(size);
}

bool WantsServiceAccountVolume(const v1::Pod& pod) {
  const auto& annotations = pod.metadata().annotations();
  const auto found = annotations.find(model::kServiceAccountVolumeAnnotation);
  return found != annotations.end() && found->second == model::kServiceAccountVolumeEmpty;
}

std::optional<gid_t> FsGroupOf(const v1::PodSpec& spec) {
  if (!spec.security_context().has_fs_group()) return std::nullopt;
  return static_cast<gid_t>(spec.security_context().fs_group());
}

bool StaysInside(const std::string& sub_path) {
  if (sub_path.empty() || sub_path.front() == '/') return false;
  const std::vector<absl::string_view> parts = absl::StrSplit(sub_path, '/');
  return std::find(parts.begin(), parts.end(), "..") == parts.end();
}

const v1::Volume* FindVolume(const v1::PodSpec& spec, const std::string& name) {
  for (const v1::Volume& volume : spec.volumes()) {
    if (volume.name() == name) return &volume;
  }
  return nullptr;
}

// In place, because running containers have the file itself mounted.
absl::Status WriteInPlace(const std::string& path, const std::string& content, mode_t mode) {
  if (const auto now = ReadFile(path); now.ok() && *now == content) return absl::OkStatus();
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << content;
  file.close();
  if (!file) return absl::ErrnoToStatus(errno, absl::StrCat("writing ", path));
  if (::chmod(path.c_str(), mode) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("setting mode of ", path));
  }
  return absl::OkStatus();
}

}  // namespace

std::string LinuxVolumeHost::PodDirectory(const std::string& pod_uid) const {
  return absl::StrCat(options_.root, "/pods/", pod_uid);
}

std::string LinuxVolumeHost::VolumePath(const v1::Pod& pod, const v1::Volume& volume) const {
  if (volume.has_host_path()) return volume.host_path().path();
  return absl::StrCat(PodDirectory(pod.metadata().uid()), "/volumes/", DirectoryOfKind(volume), "/",
                      volume.name());
}

std::string LinuxVolumeHost::ServiceAccountPath(const std::string& pod_uid) const {
  return absl::StrCat(PodDirectory(pod_uid), "/service-account");
}

std::string LinuxVolumeHost::TerminationLogPath(const std::string& pod_uid,
                                                const std::string& container,
                                                uint32_t restart_count) const {
  return absl::StrCat(PodDirectory(pod_uid), "/containers/", container, "/",
                      absl::StrFormat("%08x", restart_count));
}

absl::Status LinuxVolumeHost::PrepareVolume(const v1::Pod& pod, const v1::Volume& volume,
                                            const NodeContext& node,
                                            const ConfigSource& configs) const {
  if (volume.has_host_path()) return CheckHostPath(volume.host_path());
  const std::string path = VolumePath(pod, volume);
  const std::optional<gid_t> group = FsGroupOf(pod.spec());
  if (HasPayload(volume)) {
    MUSTER_ASSIGN_OR_RETURN(Payload payload, MakePayload(pod, volume, node, configs));
    if (group) {
      for (auto& [name, file] : payload) file.mode |= kReadByGroup;
    }
    if (IsSecretPayload(volume)) MUSTER_RETURN_IF_ERROR(MountTmpfs(path, 0));
    return WriteAtomically(path, payload, NestedMountPoints(pod.spec(), volume.name()), group);
  }
  if (volume.empty_dir().medium() == "Memory") {
    MUSTER_RETURN_IF_ERROR(MountTmpfs(path, MemoryVolumeSize(pod, volume.empty_dir(), node)));
  } else {
    MUSTER_RETURN_IF_ERROR(MakeDirectories(path, 0755));
  }
  if (group) return GiveTree(path, *group);
  // Whatever user a container runs as has to be able to write.
  if (::chmod(path.c_str(), kEveryone) != 0) {
    return absl::ErrnoToStatus(errno, absl::StrCat("setting mode of ", path));
  }
  return absl::OkStatus();
}

absl::Status LinuxVolumeHost::Prepare(const v1::Pod& pod, const NodeContext& node,
                                      const ConfigSource& configs) {
  MUSTER_RETURN_IF_ERROR(MakeDirectories(PodDirectory(pod.metadata().uid()), 0750));
  if (WantsServiceAccountVolume(pod)) {
    MUSTER_RETURN_IF_ERROR(MakeDirectories(ServiceAccountPath(pod.metadata().uid()), 0755));
  }
  for (const v1::Volume& volume : pod.spec().volumes()) {
    if (absl::Status status = PrepareVolume(pod, volume, node, configs); !status.ok()) {
      return Annotate(status,
                      absl::StrCat("MountVolume.SetUp failed for volume \"", volume.name(), "\" "));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> LinuxVolumeHost::MountPath(const v1::Pod& pod,
                                                       const v1::Container& container, int index,
                                                       const Environment& environment) const {
  const v1::VolumeMount& mount = container.volume_mounts(index);
  const v1::Volume* volume = FindVolume(pod.spec(), mount.name());
  if (volume == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("volume \"", mount.name(), "\" not found"));
  }
  const std::string root = VolumePath(pod, *volume);
  std::string sub_path = mount.sub_path();
  if (!mount.sub_path_expr().empty()) {
    const Expanded expanded =
        Expand(mount.sub_path_expr(), [&](std::string_view name) -> std::optional<std::string> {
          for (const auto& [known, value] : environment) {
            if (known == name) return value;
          }
          return std::nullopt;
        });
    if (!expanded.complete) {
      return absl::InvalidArgumentError(absl::StrCat("missing value for ", mount.sub_path_expr()));
    }
    sub_path = expanded.text;
  }
  if (sub_path.empty()) return root;
  const std::string target = absl::StrCat(PodDirectory(pod.metadata().uid()), "/volume-subpaths/",
                                          mount.name(), "/", container.name(), "/", index);
  absl::Status bound = StaysInside(sub_path)
                           ? BindSubPath(root, sub_path, target)
                           : absl::InvalidArgumentError("it has to stay inside the volume");
  if (!bound.ok()) {
    // As in Kubernetes: the rest tells of the host and, by subPathExpr, of variables from Secrets.
    std::string told = absl::StrCat("failed to prepare subPath for volumeMount \"", mount.name(),
                                    "\" of container \"", container.name(), "\"");
    spdlog::warn("pod {}/{}: {}: {}", pod.metadata().namespace_(), pod.metadata().name(), told,
                 std::string(bound.message()));
    return absl::Status(bound.code(), told);
  }
  return target;
}

absl::StatusOr<ContainerFiles> LinuxVolumeHost::PrepareContainer(
    const v1::Pod& pod, const v1::Container& container, uint32_t restart_count,
    const std::vector<std::string>& pod_ips, const Environment& environment) {
  const std::string& uid = pod.metadata().uid();
  ContainerFiles files;
  for (int i = 0; i < container.volume_mounts_size(); ++i) {
    MUSTER_ASSIGN_OR_RETURN(std::string path, MountPath(pod, container, i, environment));
    files.mount_paths.push_back(std::move(path));
  }
  if (!container.termination_message_path().empty()) {
    const std::string path = TerminationLogPath(uid, container.name(), restart_count);
    MUSTER_RETURN_IF_ERROR(MakeDirectories(path.substr(0, path.rfind('/')), 0750));
    MUSTER_RETURN_IF_ERROR(WriteInPlace(path, "", 0666));
    if (::chmod(path.c_str(), 0666) != 0) {
      return absl::ErrnoToStatus(errno, absl::StrCat("setting mode of ", path));
    }
    files.termination_log_path = path;
  }
  if (WantsServiceAccountVolume(pod)) files.service_account_path = ServiceAccountPath(uid);
  if (!pod_ips.empty()) {
    const std::string path = absl::StrCat(PodDirectory(uid), "/etc-hosts");
    const std::string host_file = ReadFile(options_.host_etc_hosts).value_or("");
    MUSTER_RETURN_IF_ERROR(
        WriteInPlace(path, EtcHosts(pod.spec(), HostNameOf(pod), pod_ips, host_file), 0644));
    files.etc_hosts_path = path;
  }
  return files;
}

std::string LinuxVolumeHost::TerminationMessage(const std::string& pod_uid,
                                                const std::string& container,
                                                uint32_t restart_count) {
  std::ifstream file(TerminationLogPath(pod_uid, container, restart_count), std::ios::binary);
  if (!file) return "";
  file.seekg(0, std::ios::end);
  const std::streamoff size = file.tellg();
  const std::streamoff wanted = std::min(size, kTerminationBytesMax);
  file.seekg(size - wanted);
  std::string text(static_cast<size_t>(wanted), '\0');
  file.read(text.data(), wanted);
  text.resize(static_cast<size_t>(file.gcount()));
  return text;
}

absl::Status LinuxVolumeHost::Remove(const std::string& pod_uid) {
  // An empty or odd UID must never widen what is deleted.
  if (pod_uid.empty() || pod_uid.find('/') != std::string::npos || pod_uid.front() == '.') {
    return absl::InvalidArgumentError(absl::StrCat("not the UID of a pod: \"", pod_uid, "\""));
  }
  return RemoveTree(PodDirectory(pod_uid));
}

absl::StatusOr<std::vector<std::string>> LinuxVolumeHost::ListPods() {
  std::vector<std::string> uids;
  std::error_code error;
  const std::string root = absl::StrCat(options_.root, "/pods");
  for (std::filesystem::directory_iterator it(root, error), end; !error && it != end;
       it.increment(error)) {
    uids.push_back(it->path().filename().string());
  }
  if (error && error != std::errc::no_such_file_or_directory) {
    return absl::ErrnoToStatus(error.value(), absl::StrCat("listing ", root));
  }
  std::sort(uids.begin(), uids.end());
  return uids;
}

std::map<std::string, TreeSize> LinuxVolumeHost::EmptyDirSizes(const v1::Pod& pod) const {
  std::map<std::string, TreeSize> sizes;
  for (const v1::Volume& volume : pod.spec().volumes()) {
    // One in memory is on no disk, and has its limit from the kernel.
    if (!volume.has_empty_dir() || volume.empty_dir().medium() == "Memory") continue;
    sizes[volume.name()] = MeasureTree(VolumePath(pod, volume));
  }
  return sizes;
}

}  // namespace muster::agent
