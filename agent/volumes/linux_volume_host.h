#pragma once

#include <string>
#include <vector>

#include "agent/volumes/volumes.h"

namespace muster::agent {

// Volumes on this host: plain directories, tmpfs for secrets and memory, bind mounts for subPath.
// Needs CAP_SYS_ADMIN for the mounts, and the runtime to share our mount namespace's view of ROOT.
class LinuxVolumeHost final : public VolumeHost {
 public:
  struct Options {
    std::string root = "/var/lib/muster/agent";  // Pods live in ROOT/pods/UID.
    std::string host_etc_hosts = "/etc/hosts";
  };

  explicit LinuxVolumeHost(Options options) : options_(std::move(options)) {}

  absl::Status Prepare(const v1::Pod& pod, const NodeContext& node,
                       const ConfigSource& configs) override;
  absl::StatusOr<ContainerFiles> PrepareContainer(const v1::Pod& pod,
                                                  const v1::Container& container,
                                                  uint32_t restart_count,
                                                  const std::vector<std::string>& pod_ips,
                                                  const Environment& environment) override;
  std::string TerminationMessage(const std::string& pod_uid, const std::string& container,
                                 uint32_t restart_count) override;
  absl::Status Remove(const std::string& pod_uid) override;
  absl::StatusOr<std::vector<std::string>> ListPods() override;
  std::map<std::string, TreeSize> EmptyDirSizes(const v1::Pod& pod) const override;

 private:
  std::string PodDirectory(const std::string& pod_uid) const;
  // Where a volume of our own making lives; for a hostPath the path itself.
  std::string VolumePath(const v1::Pod& pod, const v1::Volume& volume) const;
  std::string ServiceAccountPath(const std::string& pod_uid) const;
  std::string TerminationLogPath(const std::string& pod_uid, const std::string& container,
                                 uint32_t restart_count) const;
  absl::Status PrepareVolume(const v1::Pod& pod, const v1::Volume& volume, const NodeContext& node,
                             const ConfigSource& configs) const;
  absl::StatusOr<std::string> MountPath(const v1::Pod& pod, const v1::Container& container,
                                        int index, const Environment& environment) const;

  const Options options_;
};

}  // namespace muster::agent
