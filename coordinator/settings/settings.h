#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/clock.h"
#include "common/config/parse_line.h"
#include "coordinator/services/allocation.h"
#include "coordinator/services/pod_subnets.h"
#include "coordinator/settings/guard_settings.h"

namespace muster::coordinator {

// How a coordinator is to run. Each is explained in docs/config-coordinator.md; the values here are
// the defaults.
struct Settings {
  std::string state_dir = "/var/lib/muster/coordinator";
  std::string listen = "[::]:7440";
  std::string admin_socket = "/run/muster/coordinator.sock";
  // Members of this group are viewers on the admin socket. Empty: only root may use it.
  std::string viewer_group = "muster";
  bool remote_admin = false;  // People with certificates are served at `listen`.
  std::string metrics_listen = "127.0.0.1:7441";  // Empty: none.
  // Names and addresses under which agents and administrators reach it, with or without a port.
  // Empty: the host's name.
  std::vector<std::string> advertise_addresses;
  Duration heartbeat_interval = std::chrono::seconds(4);
  Duration node_lost_after = std::chrono::seconds(9);
  Duration reconnect_grace = std::chrono::seconds(3);
  Duration pod_gc_quarantine = std::chrono::seconds(40);
  int64_t pre_pull_limit = 10;
  // Where Services get addresses and node ports: one range, or one of each family.
  std::string service_cluster_ip_range = "10.96.0.0/12";
  std::string service_node_port_range = "30000-32767";
  // Where nodes that ask for it get the subnets of their pods, and how large these are.
  std::string cluster_cidr = "10.244.0.0/16,fd6d:7573:7465:100::/56";
  int64_t node_cidr_mask_size_v4 = 24;
  int64_t node_cidr_mask_size_v6 = 64;
  Duration node_certificate_lifetime = std::chrono::hours(24 * 7);
  Duration node_return_window = std::chrono::hours(24 * 30);
  std::string log_level = "info";
  GuardSettings guards;

  bool operator==(const Settings&) const = default;
};

// What the command line says.
struct CommandLine : ParsedLine {
  bool check_config = false;  // Say whether the settings are good, and exit.
  Settings settings;          // The file, and flags over it.
};

// Reads the file as well. A file that was not asked for by --config may be missing. The status is
// that of the settings: InvalidArgument with every problem as "file:line: what".
absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv);

// The settings of a file's text, `name` stands for it in messages.
absl::StatusOr<Settings> ParseSettings(const std::string& text, const std::string& name);

// The settings of a file; the defaults when it is not there. Checked.
absl::StatusOr<Settings> LoadSettings(const std::string& path);

// What the command line of "muster-coordinator init" says.
struct InitLine : ParsedLine {
  std::string config_path;
};
// `argv` begins at "init".
InitLine ParseInitLine(int argc, const char* const* argv);

// What the command lines of "muster-coordinator backup" and "restore" say.
struct BackupLine : ParsedLine {
  std::string config_path;
  std::optional<std::string> state_dir;  // Instead of the file's.
  std::string file;
  bool replace = false;  // Of restore.
};
// `argv` begins at "backup" or "restore".
BackupLine ParseBackupLine(int argc, const char* const* argv);

// InvalidArgument names what is wrong with them.
absl::StatusOr<ServiceRanges> RangesOf(const Settings& settings);
absl::StatusOr<PodRanges> PodRangesOf(const Settings& settings);

// What holds for a value wherever it comes from.
absl::Status CheckSettings(const Settings& settings);

// Keys of the file whose values differ, but for those that a running coordinator takes over
// (logLevel).
std::vector<std::string> NeedRestart(const Settings& running, const Settings& read);

// "host:port" and "[v6]:port" in their parts; the port is missing in "host", "v6" and "[v6]".
struct NetworkAddress {
  std::string host;
  std::optional<int> port;
};
absl::StatusOr<NetworkAddress> ParseNetworkAddress(const std::string& text);

}  // namespace muster::coordinator
