#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/host/control_groups.h"
#include "agent/runtime/runtime.h"

namespace muster::agent {

// What a node is. Plain value.
struct HostFacts {
  std::string hostname;  // Lower case.
  std::string boot_id, machine_id, system_uuid;
  std::string kernel_version;          // "6.1.0-18-amd64"
  std::string os_image;                // "Debian GNU/Linux 12 (bookworm)"
  std::string architecture;            // As Kubernetes names it: "amd64", "arm64".
  std::vector<std::string> addresses;  // Of the interface with the default route, the first first.
  int64_t cpus = 0;
  int64_t memory_bytes = 0;
  int64_t ephemeral_storage_bytes = 0;
  std::vector<std::string> hugepage_sizes;  // "2Mi"
  DnsConfig dns;                            // The host's resolv.conf.
  bool may_lower_oom_score = false;         // The runtime has CAP_SYS_RESOURCE.
  bool systemd = false;                     // systemd is the service manager here.
  bool root_is_shared = false;              // Mounts below / reach other mount namespaces.
  bool cgroup_v2 = false;                   // One hierarchy of control groups for everything.
  bool swap_accounting = false;             // Control groups can limit swap.
  bool apparmor = false;                    // The kernel enforces profiles of AppArmor.
  bool selinux = false;                     // The kernel goes by labels of SELinux.
  bool operator==(const HostFacts&) const = default;
};

// Room on one filesystem, as an unprivileged user sees it.
struct FilesystemSpace {
  int64_t capacity_bytes = 0, available_bytes = 0;
  int64_t inodes = 0, inodes_free = 0;  // 0 and 0 where the filesystem has no such limit.
  uint64_t id = 0;                      // Of the filesystem.
  bool operator==(const FilesystemSpace&) const = default;
};

// How loaded the machine is as a whole.
struct HostLoad {
  int64_t memory_bytes = 0;
  // Total minus working set: free, or file pages that were not in use lately.
  int64_t memory_available_bytes = 0;
  int64_t pids_max = 0, pids = 0;  // Threads that may be, and that are.
  bool operator==(const HostLoad&) const = default;
};

// The machine. Quick local calls; thread-safe.
class Host {
 public:
  virtual ~Host() = default;
  // Fails only when something without which no pod can run cannot be read.
  virtual absl::StatusOr<HostFacts> Facts() = 0;
  // Makes the control group at `path` ("/kubepods/podUID"; a name that ends with .slice is one of
  // systemd's) with these values, or brings it up to them. What is 0 is left as it is.
  virtual absl::Status SetControlGroup(const std::string& path, const LinuxResources& values,
                                       GroupChange change) = 0;
  // Removes it and what is empty below it, in every hierarchy; the runtime never does. OK when
  // there is none; processes in it are an error.
  virtual absl::Status RemoveControlGroup(const std::string& path) = 0;
  virtual absl::StatusOr<FilesystemSpace> SpaceOf(const std::string& path) = 0;
  virtual absl::StatusOr<HostLoad> Load() = 0;
  // Does a process of the host wait for clients there? See listeners.h.
  virtual bool IsListening(const std::string& protocol, const std::string& ip, uint16_t port) = 0;
  // Processes and threads in the control group and below it; 0 when that cannot be told.
  virtual int64_t PidsIn(const std::string& control_group) = 0;
};

}  // namespace muster::agent
