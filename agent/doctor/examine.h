#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "agent/host/host.h"
#include "agent/runtime/runtime.h"
#include "common/base/clock.h"

namespace muster::agent {

// What was seen of a host that is, or is to become, a node. Plain value: look.h fills it in.
struct Survey {
  WallTime now{};
  bool is_root = false;

  absl::Status settings;  // Of reading and checking the settings file.
  std::string settings_path;
  bool settings_there = false;
  std::string coordinator;  // HOST:PORT; empty when the settings have none.
  std::string state_dir;
  absl::Status identity;  // NotFound: it has not joined.
  std::string node_name;
  WallTime certificate_begins{}, certificate_ends{};
  absl::Status coordinator_name;  // Of resolving its name.
  absl::Status coordinator_port;  // Of connecting to it.
  bool unit_known = false;        // muster-agent.service is installed.
  bool unit_enabled = false;
  bool clock_synchronized = false;

  std::string runtime_endpoint;
  bool runtime_socket = false;
  // Sockets of runtimes that are there, whichever the settings name.
  std::vector<std::string> runtime_sockets;
  absl::Status runtime;  // Of asking it.
  RuntimeInfo runtime_info;
  std::string cni_config_dir;
  std::vector<std::string> cni_configs;  // Names of files.
  std::string own_cni_config;            // The one of them that the agent writes.
  bool bridge_wanted = false;            // The settings say `network: bridge`.
  std::vector<std::string> cni_missing;  // Plug-ins that are in no usual directory.
  bool has_iptables = false;
  std::string firewall;  // The tables with a say in what is forwarded, as nftables prints them.
  std::string pod_bridge,
      uplink;  // Interfaces: of the bridge that the agent makes, and the way out.

  absl::Status facts_status;
  HostFacts facts;
  bool cgroup_v2 = false;
  std::vector<std::string> cgroup_controllers;
  bool has_overlayfs = false;
  bool ip_forward = false;
  bool has_pidfd = false;
  bool may_mount = false;  // CAP_SYS_ADMIN.
  int64_t inotify_instances_max = 0;
  int64_t state_bytes_free = 0, state_files_free = 0;
  absl::Status state_writable;
  std::string state_filesystem;  // "tmpfs", "overlay", or empty when it is neither.
  absl::Status logs_writable;    // Of the directory for containers' logs.
};

// One thing that was looked at.
struct Finding {
  enum class Grade {
    kGood,
    kNote,     // Works, but somebody may be surprised one day.
    kProblem,  // No pod, or not every pod, can run.
    kSkipped,  // Could not be looked at, because of what stands elsewhere.
  };
  Grade grade = Grade::kGood;
  std::string subject;  // "container runtime"
  std::string seen;     // "containerd 1.6.20 at unix:///run/containerd/containerd.sock"
  std::string remedy;   // What to do about it; empty when good.
  bool operator==(const Finding&) const = default;
};

// Always the same subjects in the same order.
std::vector<Finding> Examine(const Survey& survey);

// Whether any of them is a problem.
bool AnyProblem(const std::vector<Finding>& findings);
// One line for each, its remedy below it, and how many problems there are.
std::string Report(const std::vector<Finding>& findings);
// Of those that say what a host brings along: what `join` and `doctor` have in common.
std::string Summary(const std::vector<Finding>& findings);

}  // namespace muster::agent
