#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "agent/network/service_table.h"
#include "agent/runtime/runtime.h"
#include "muster/v1/config.pb.h"
#include "muster/v1/meta.pb.h"
#include "muster/v1/pod.pb.h"

namespace muster::agent {

// What is the same for every pod of this node. Plain value.
struct NodeContext {
  std::string node_name;
  std::string node_uid;               // The mark of ownership on everything we make.
  std::vector<std::string> host_ips;  // The first one is status.hostIP.
  std::string log_root = "/var/log/pods";
  std::string seccomp_root = "/var/lib/muster/agent/seccomp";
  std::string cgroup_root = "/kubepods";
  bool systemd_cgroups = false;
  // Of the node; a missing limit in a resourceFieldRef means all of it.
  std::map<std::string, v1::Quantity> allocatable;
  int64_t memory_capacity_bytes = 0;
  // Resolver of ClusterFirst pods; none: they get the host's, as with dnsPolicy Default.
  std::vector<std::string> cluster_dns;
  std::string cluster_domain = "cluster.local";
  DnsConfig host_dns;
  std::shared_ptr<const ServiceTable> services;  // Null: none are known.
  // Host ports of pods with zero-gap are led by us and not by the runtime.
  bool leads_host_ports = false;
  // Without CAP_SYS_RESOURCE a negative score would make every container fail to start.
  bool may_lower_oom_score = true;
  std::vector<std::string> hugepage_sizes;  // That the kernel has: "2Mi".
  // Sysctls that pods may set here beside the safe ones; one that ends with * is a family.
  std::vector<std::string> allowed_sysctls;
  bool cgroup_v2 = false;
  bool swap_accounting = false;  // The kernel can be told how much swap a container may use.
  bool apparmor = false;         // The kernel enforces profiles of AppArmor.
  bool selinux = false;          // The kernel goes by labels of SELinux.
};

// ConfigMaps and Secrets that came with the assignment. Null when there is none of that name.
class ConfigSource {
 public:
  virtual ~ConfigSource() = default;
  virtual const v1::ConfigMap* FindConfigMap(const std::string& ns,
                                             const std::string& name) const = 0;
  virtual const v1::Secret* FindSecret(const std::string& ns, const std::string& name) const = 0;
};

struct ResolvedImage {
  std::string id;
  std::optional<int64_t> user_id;  // Of the image's USER when that is a number.
  std::string user_name;           // When it is a name.
};

// Paths on the host that one container instance needs; made by VolumeHost::PrepareContainer.
struct ContainerFiles {
  std::vector<std::string> mount_paths;  // One for each of the container's volumeMounts, in order.
  std::string etc_hosts_path;            // Empty: do not mount one.
  std::string termination_log_path;      // Empty: do not mount one.
  std::string service_account_path;      // Empty: do not mount one.
};

struct PodContext {
  std::vector<std::string> pod_ips;  // Of the sandbox; with the host's network the node's.
  SandboxConfig sandbox;
  ContainerFiles files;
};

}  // namespace muster::agent
