#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"

namespace muster::agent {

enum class NamespaceMode { kPod, kContainer, kNode };
enum class MountPropagation { kPrivate, kHostToContainer, kBidirectional };

struct PortMapping {
  std::string protocol = "TCP";  // TCP, UDP or SCTP
  int32_t container_port = 0;
  int32_t host_port = 0;
  std::string host_ip;
  bool operator==(const PortMapping&) const = default;
};

struct DnsConfig {
  std::vector<std::string> servers;
  std::vector<std::string> searches;
  std::vector<std::string> options;
  bool operator==(const DnsConfig&) const = default;
};

struct SeccompProfile {
  enum class Type { kUnconfined, kRuntimeDefault, kLocalhost };
  Type type = Type::kUnconfined;
  std::string localhost_path;
  bool operator==(const SeccompProfile&) const = default;
};

struct SelinuxOptions {
  std::string user, role, type, level;
  bool operator==(const SelinuxOptions&) const = default;
};

struct Mount {
  std::string container_path;
  std::string host_path;
  bool readonly = false;
  bool selinux_relabel = false;
  MountPropagation propagation = MountPropagation::kPrivate;
  bool operator==(const Mount&) const = default;
};

struct LinuxResources {
  int64_t cpu_period_us = 0;
  int64_t cpu_quota_us = 0;
  int64_t cpu_shares = 0;
  int64_t memory_limit_bytes = 0;
  int64_t oom_score_adj = 0;
  std::map<std::string, uint64_t> hugepage_limit_bytes;  // "2MB" -> bytes
  int64_t memory_swap_limit_bytes = 0;                   // Memory and swap together; 0: not said.
  std::map<std::string, std::string> unified;  // Files of control groups v2; never send them on v1.
  bool operator==(const LinuxResources&) const = default;
};

// What the runtime is told about a pod's sandbox. Plain value.
struct SandboxConfig {
  std::string name, namespace_, uid;
  uint32_t attempt = 0;
  std::string hostname;  // Empty with the host's network: runc refuses one there.
  std::string log_directory;
  std::optional<DnsConfig> dns;
  std::vector<PortMapping> port_mappings;
  std::map<std::string, std::string> labels, annotations;
  std::string cgroup_parent;
  LinuxResources resources;  // Of all containers together, for runtimes that size a machine.
  LinuxResources overhead;   // Of the pod beside them.
  std::map<std::string, std::string> sysctls;
  NamespaceMode network = NamespaceMode::kPod;
  NamespaceMode pid = NamespaceMode::kContainer;
  NamespaceMode ipc = NamespaceMode::kPod;
  bool privileged = false;
  std::optional<int64_t> run_as_user, run_as_group;
  std::vector<int64_t> supplemental_groups;
  std::optional<SelinuxOptions> selinux;
  SeccompProfile seccomp{SeccompProfile::Type::kRuntimeDefault, ""};
  std::string runtime_handler;
  bool operator==(const SandboxConfig&) const = default;
};

// What the runtime is told about one container. Plain value.
struct ContainerConfig {
  std::string name;
  uint32_t attempt = 0;    // The restart count.
  std::string image_id;    // As the runtime resolved it.
  std::string image_name;  // As the user wrote it.
  std::vector<std::string> command, args;
  std::string working_dir;
  std::vector<std::pair<std::string, std::string>> envs;
  std::vector<Mount> mounts;
  std::map<std::string, std::string> labels, annotations;
  std::string log_path;  // Below the sandbox's log directory.
  bool stdin = false, stdin_once = false, tty = false;
  LinuxResources resources;
  bool privileged = false;
  std::vector<std::string> add_capabilities, drop_capabilities;  // Without "CAP_".
  NamespaceMode network = NamespaceMode::kPod;
  NamespaceMode pid = NamespaceMode::kContainer;
  NamespaceMode ipc = NamespaceMode::kPod;
  std::optional<int64_t> run_as_user, run_as_group;
  std::string run_as_username;
  std::vector<int64_t> supplemental_groups;
  bool readonly_rootfs = false;
  bool no_new_privs = false;
  std::vector<std::string> masked_paths, readonly_paths;
  SeccompProfile seccomp;
  std::optional<SelinuxOptions> selinux;
  std::string apparmor_profile;  // "", "runtime/default", "unconfined", "localhost/NAME"
  bool operator==(const ContainerConfig&) const = default;
};

enum class SandboxState { kReady, kNotReady };
enum class ContainerState { kCreated, kRunning, kExited, kUnknown };

struct SandboxStatus {
  std::string id;
  std::string name, namespace_, uid;
  uint32_t attempt = 0;
  SandboxState state = SandboxState::kNotReady;
  WallTime created_at;
  std::map<std::string, std::string> labels, annotations;
  // Only from SandboxStatusOf, not from listings.
  std::vector<std::string> ips;
  std::optional<NamespaceMode> network;
  int64_t pid = 0;  // Of the first process, as the runtime counts; 0 when it does not tell.
  // A file that stands for its network; empty with that of the host, or when it is not told.
  std::string network_path;
};

struct ContainerStatus {
  std::string id;
  std::string sandbox_id;  // Only from listings: CRI's status of one container does not tell it.
  std::string name;
  uint32_t attempt = 0;
  ContainerState state = ContainerState::kUnknown;
  WallTime created_at;
  std::string image_name, image_ref;
  std::map<std::string, std::string> labels, annotations;
  // Only from ContainerStatusOf, not from listings.
  WallTime started_at, finished_at;  // Epoch when not yet.
  int32_t exit_code = 0;
  std::string reason, message;
  std::string log_path;  // Absolute.
  int64_t pid = 0;       // As of a sandbox; 0 also when it does not run.
};

struct ImageStatus {
  std::string id;
  std::vector<std::string> tags, digests;
  uint64_t size_bytes = 0;
  std::optional<int64_t> user_id;
  std::string user_name;
  bool pinned = false;
};

struct RuntimeInfo {
  std::string name, version, api_version;  // "containerd", "1.6.20", "v1"
  bool runtime_ready = false, network_ready = false;
  std::string runtime_message, network_message;
  // "systemd" or "cgroupfs" when the runtime tells.
  std::string cgroup_driver;
  // The image that every sandbox is made from, when the runtime tells.
  std::string sandbox_image;
};

// Where the runtime keeps images and what containers write.
struct ImageFilesystem {
  std::string mountpoint;  // A directory on it.
  uint64_t used_bytes = 0;
};

// What a running container uses. Plain value; 0 what the runtime does not tell.
struct ContainerStats {
  std::string id;
  uint64_t cpu_usage_ns = 0;  // Of all cores since it was made.
  int64_t cpu_at_ns = 0;      // When that was, by some clock of the runtime.
  uint64_t memory_working_set_bytes = 0;
  uint64_t writable_layer_bytes = 0;
  uint64_t writable_layer_inodes = 0;
};

struct RegistryAuth {
  std::string username, password, auth, identity_token, registry_token;
};

struct ExecResult {
  std::string stdout_text, stderr_text;
  int32_t exit_code = 0;
};

// The container runtime (CRI v1) as the agent uses it.
//
// Asynchronous: every call returns at once, and its callback is run exactly once, on any thread
// (post it to the loop that owns the state). Calls are idempotent as CRI says: stopping what is
// stopped or gone and removing what is gone are OK. Errors keep the runtime's gRPC code and
// message; a runtime that is away or still starting is Unavailable, which tells nothing about
// what runs.
// Deadlines: RunSandbox 240 s; StopContainer 120 s + grace; Exec 120 s + timeout; pull none;
// everything else 120 s. Every implementation passes test/contract/runtime.
class Runtime {
 public:
  template <typename T>
  using Done = std::function<void(absl::StatusOr<T>)>;
  using DoneStatus = std::function<void(absl::Status)>;

  virtual ~Runtime() = default;

  virtual void Info(Done<RuntimeInfo> done) = 0;

  virtual void RunSandbox(const SandboxConfig& config, Done<std::string> done) = 0;
  virtual void StopSandbox(const std::string& id, DoneStatus done) = 0;
  virtual void RemoveSandbox(const std::string& id, DoneStatus done) = 0;
  virtual void SandboxStatusOf(const std::string& id, Done<SandboxStatus> done) = 0;
  // Every sandbox of the runtime, whoever made it.
  virtual void ListSandboxes(Done<std::vector<SandboxStatus>> done) = 0;

  virtual void CreateContainer(const std::string& sandbox_id, const ContainerConfig& config,
                               const SandboxConfig& sandbox_config, Done<std::string> done) = 0;
  virtual void StartContainer(const std::string& id, DoneStatus done) = 0;
  // The stop signal, and SIGKILL after `grace`. 0 is SIGKILL at once.
  virtual void StopContainer(const std::string& id, std::chrono::seconds grace,
                             DoneStatus done) = 0;
  virtual void RemoveContainer(const std::string& id, DoneStatus done) = 0;
  virtual void ContainerStatusOf(const std::string& id, Done<ContainerStatus> done) = 0;
  virtual void ListContainers(Done<std::vector<ContainerStatus>> done) = 0;
  // Of a running container; what is 0 or empty in `resources` stays as it is.
  virtual void UpdateContainer(const std::string& id, const LinuxResources& resources,
                               DoneStatus done) = 0;
  virtual void ReopenContainerLog(const std::string& id, DoneStatus done) = 0;
  // Of all containers, whoever made them; of those that do not run only what is on the disk.
  virtual void ListContainerStats(Done<std::vector<ContainerStats>> done) = 0;

  virtual void ExecSync(const std::string& container_id, const std::vector<std::string>& command,
                        std::chrono::seconds timeout, Done<ExecResult> done) = 0;
  // The address of the runtime's streaming server where this exec can be attached to.
  virtual void ExecUrl(const std::string& container_id, const std::vector<std::string>& command,
                       bool stdin, bool tty, Done<std::string> done) = 0;
  // Likewise for the main process of a running container.
  virtual void AttachUrl(const std::string& container_id, bool stdin, bool tty,
                         Done<std::string> done) = 0;

  // nullopt: not present.
  virtual void ImageStatusOf(const std::string& image, Done<std::optional<ImageStatus>> done) = 0;
  // Returns the image's reference to create containers with. `sandbox` may be null.
  virtual void PullImage(const std::string& image, const std::optional<RegistryAuth>& auth,
                         const SandboxConfig* sandbox, Done<std::string> done) = 0;
  virtual void ListImages(Done<std::vector<ImageStatus>> done) = 0;
  virtual void RemoveImage(const std::string& image, DoneStatus done) = 0;
  // Empty when the runtime has not looked yet.
  virtual void ImageFilesystems(Done<std::vector<ImageFilesystem>> done) = 0;
};

}  // namespace muster::agent
