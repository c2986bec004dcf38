#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "agent/hygiene/image_gc.h"
#include "agent/hygiene/log_rotation.h"
#include "agent/hygiene/node_shutdown.h"
#include "agent/hygiene/pressure.h"
#include "agent/network/network_options.h"
#include "agent/workload/host_rules.h"
#include "common/base/clock.h"
#include "common/config/parse_line.h"

namespace muster::agent {

inline constexpr char kBridgeNetwork[] = "bridge";
inline constexpr char kDefaultSettingsFile[] = "/etc/muster/agent.yaml";

// How an agent is to run. Each is explained in docs/config-agent.md; the values here are the
// defaults. `muster-agent join` writes the first three.
struct Settings {
  std::string coordinator;  // HOST:PORT
  std::string node_name;    // Empty: the host's name.
  std::string state_dir = "/var/lib/muster/agent";
  std::string root_dir;  // Where pods' volumes are. Empty: state_dir.
  std::string runtime_endpoint = "unix:///run/containerd/containerd.sock";
  // One, or one of each family with a comma between them. Empty: of the interface with the default
  // route.
  std::string node_ip;
  std::string log_dir = "/var/log/pods";
  std::string log_link_dir = "/var/log/containers";
  std::string run_dir = "/run/muster-agent";  // What it shows to others on this host.
  std::string metrics_listen;                 // Empty: metrics are on the socket only.
  std::string cgroup_root = "/kubepods";
  std::string static_pod_dir = "/etc/muster/static-pods";
  std::vector<std::string> cluster_dns;
  std::string cluster_domain = "cluster.local";
  // Where the agent's own name server listens. Empty: there is none.
  std::vector<std::string> dns_addresses = {"169.254.20.10", "fd6d:7573:7465:72::a"};
  bool service_rules = true;  // Services' addresses work here.
  // "bridge": the agent keeps the network of its pods. "none": somebody else does.
  std::string network_kind = "none";
  std::string cni_config_dir = "/etc/cni/net.d";
  std::vector<std::string> allowed_sysctls;  // Beside the safe ones.
  int64_t max_pods = 110;
  int64_t max_parallel_image_pulls = 5;
  Duration relist_period = std::chrono::seconds(1);
  Duration runtime_unhealthy_after = std::chrono::seconds(30);
  std::string log_level = "info";
  LogLimits log_limits;
  Duration log_monitor_period = std::chrono::seconds(10);
  ImageGcLimits image_gc;
  Duration image_gc_period = std::chrono::minutes(5);
  EvictionLimits eviction;
  Duration eviction_period = std::chrono::seconds(10);
  ShutdownTurns shutdown;
  HostRules host_rules;

  const std::string& pods_root() const { return root_dir.empty() ? state_dir : root_dir; }
  NetworkOptions network(const std::string& node) const {
    return {node,
            cluster_domain,
            dns_addresses,
            service_rules,
            state_dir + "/network/table",
            network_kind == kBridgeNetwork,
            cni_config_dir};
  }
  bool operator==(const Settings&) const = default;
};

// What the command line says, without its subcommands.
struct CommandLine : ParsedLine {
  bool check_config = false;  // Say whether the settings are good, and exit.
  Settings settings;          // The file, and flags over it.
};

// Reads the file as well. A file that was not asked for by --config may be missing. The status is
// that of the settings: InvalidArgument with every problem as "file:line: what".
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

// The settings of a file's text, `name` stands for it in messages.
absl::StatusOr<Settings> ParseSettings(const std::string& text, const std::string& name);

// The settings of a file; NotFound when it is not there. As ParseCommandLine without flags.
absl::StatusOr<Settings> LoadSettings(const std::string& path);

// What holds for a value wherever it comes from.
absl::Status CheckSettings(const Settings& settings);

// Keys of the file whose values differ, but for those that a running agent takes over (logLevel).
std::vector<std::string> NeedRestart(const Settings& running, const Settings& read);

}  // namespace muster::agent
