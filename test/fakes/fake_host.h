#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "agent/host/host.h"
#include "agent/loop/pod_logs.h"
#include "agent/loop/worker.h"
#include "agent/volumes/volumes.h"

// What surrounds an agent on its machine, in memory.
namespace muster::agent {

// A machine that only has facts.
class FakeHost final : public Host {
 public:
  absl::StatusOr<HostFacts> Facts() override { return facts; }
  absl::Status SetControlGroup(const std::string& path, const LinuxResources& values,
                               GroupChange change) override {
    if (!fail_groups.ok()) return fail_groups;
    if (change == GroupChange::kOnlyRaise) raised_groups.push_back(path);
    groups[path] = values;
    return absl::OkStatus();
  }
  absl::Status RemoveControlGroup(const std::string& path) override {
    removed_groups.push_back(path);
    groups.erase(path);
    return absl::OkStatus();
  }
  absl::StatusOr<FilesystemSpace> SpaceOf(const std::string& path) override {
    ++looks;
    const auto found = spaces.find(path);
    return found == spaces.end() ? space : found->second;
  }
  absl::StatusOr<HostLoad> Load() override { return load; }
  bool IsListening(const std::string& protocol, const std::string&, uint16_t port) override {
    return listening.contains({protocol, port});
  }
  int64_t PidsIn(const std::string& group) override {
    const auto found = pids.find(group);
    return found == pids.end() ? 1 : found->second;
  }

  // Of every path without one of its own: half full.
  FilesystemSpace space{int64_t{100} << 30, int64_t{50} << 30, 1'000'000, 500'000};
  std::map<std::string, FilesystemSpace> spaces;
  HostLoad load{int64_t{8} << 30, int64_t{6} << 30, 32'768, 300};
  std::map<std::string, int64_t> pids;  // By control group.
  std::set<std::pair<std::string, uint16_t>> listening;
  int looks = 0;
  HostFacts facts{.hostname = "some-host",
                  .boot_id = "boot-1",
                  .machine_id = "m",
                  .system_uuid = "s",
                  .kernel_version = "6.1.0",
                  .os_image = "Debian",
                  .architecture = "amd64",
                  .addresses = {"192.0.2.1"},
                  .cpus = 4,
                  .memory_bytes = int64_t{8} << 30,
                  .ephemeral_storage_bytes = int64_t{100} << 30};
  std::map<std::string, LinuxResources> groups;  // As they were set last.
  std::vector<std::string> raised_groups, removed_groups;
  absl::Status fail_groups;
};

// Volumes without a disk: what was prepared for which pod.
class FakeVolumes final : public VolumeHost {
 public:
  absl::Status Prepare(const v1::Pod& pod, const NodeContext&,
                       const ConfigSource& configs) override {
    ++prepares;
    if (!fail.ok()) return fail;
    for (const v1::Volume& volume : pod.spec().volumes()) {
      if (!volume.has_config_map()) continue;
      if (configs.FindConfigMap(pod.metadata().namespace_(), volume.config_map().name()) ==
          nullptr) {
        return absl::NotFoundError("MountVolume.SetUp failed for volume \"" + volume.name() +
                                   "\" : configmap \"" + volume.config_map().name() +
                                   "\" not found");
      }
    }
    pods.insert(pod.metadata().uid());
    return absl::OkStatus();
  }
  absl::StatusOr<ContainerFiles> PrepareContainer(const v1::Pod&, const v1::Container& container,
                                                  uint32_t, const std::vector<std::string>&,
                                                  const Environment&) override {
    ContainerFiles files;
    for (int i = 0; i < container.volume_mounts_size(); ++i) files.mount_paths.push_back("/x");
    return files;
  }
  std::string TerminationMessage(const std::string&, const std::string&, uint32_t) override {
    return termination_message;
  }
  absl::Status Remove(const std::string& pod_uid) override {
    pods.erase(pod_uid);
    return absl::OkStatus();
  }
  absl::StatusOr<std::vector<std::string>> ListPods() override {
    return std::vector<std::string>(pods.begin(), pods.end());
  }

  std::map<std::string, TreeSize> EmptyDirSizes(const v1::Pod& pod) const override {
    const auto found = empty_dirs.find(pod.metadata().uid());
    return found == empty_dirs.end() ? std::map<std::string, TreeSize>() : found->second;
  }

  std::map<std::string, std::map<std::string, TreeSize>> empty_dirs;  // By pod and volume.
  std::set<std::string> pods;
  int prepares = 0;
  absl::Status fail;
  std::string termination_message;
};

// Log directories and links by name, without a disk.
class FakeLogs final : public PodLogs {
 public:
  absl::Status MakeDirectory(const std::string& pod, const std::string&) override {
    directories.insert(pod);
    return absl::OkStatus();
  }
  absl::Status Link(const std::string& name, const std::string& path) override {
    links[name] = path;
    return absl::OkStatus();
  }
  absl::Status RemoveInstance(const std::string&, const std::string&, uint32_t) override {
    return absl::OkStatus();
  }
  absl::Status RemovePod(const std::string& pod) override {
    directories.erase(pod);
    return absl::OkStatus();
  }
  absl::Status RemovePodByUid(const std::string& root, const std::string& uid) override {
    std::erase_if(directories, [&](const std::string& directory) {
      return directory.starts_with(root + "/") && directory.ends_with("_" + uid);
    });
    return absl::OkStatus();
  }
  uint32_t RestartsFromLogs(const std::string&, const std::string&) override { return restarts; }
  std::string Tail(const std::string&) override { return tail; }
  std::map<std::string, int64_t> BytesOf(const std::string& pod) override {
    const auto found = bytes.find(pod);
    return found == bytes.end() ? std::map<std::string, int64_t>() : found->second;
  }
  absl::StatusOr<int64_t> Size(const std::string& path) override {
    ++looks;
    const auto found = sizes.find(path);
    return found == sizes.end() ? int64_t{0} : found->second;
  }
  absl::StatusOr<std::string> Rotate(const std::string& path, const LogLimits& limits,
                                     WallTime) override {
    if (!fail_rotation.ok()) return fail_rotation;
    rotated.push_back(path);
    files_max = limits.files_max;
    sizes[path] = absl::NotFoundError("no such file");
    return "rotated";
  }
  absl::Status RotateBack(const std::string& path, const std::string&) override {
    rotated_back.push_back(path);
    sizes[path] = 0;
    return absl::OkStatus();
  }

  std::set<std::string> directories;
  std::map<std::string, std::string> links;
  uint32_t restarts = 0;
  std::string tail;
  std::map<std::string, absl::StatusOr<int64_t>> sizes;  // Others are empty.
  int looks = 0;
  int files_max = 0;
  std::map<std::string, std::map<std::string, int64_t>> bytes;  // By directory and container.
  absl::Status fail_rotation;
  std::vector<std::string> rotated, rotated_back;
};

// Does it at once, on the caller's thread.
class InlineWorker final : public Worker {
 public:
  void Run(std::function<void()> task) override { task(); }
};

}  // namespace muster::agent
