#include "coordinator/settings/settings.h"

#include <CLI/CLI.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/ip_overlap.h"
#include "common/base/macros.h"
#include "common/config/config_file.h"
#include "common/config/parse_line.h"
#include "common/version/version.h"

namespace muster::coordinator {
namespace {

using namespace std::chrono_literals;

constexpr char kDefaultFile[] = "/etc/muster/coordinator.yaml";

struct Range {
  Duration min, max;
};
constexpr Range kHeartbeat{1s, 60s};
constexpr Range kNodeLost{2s, 1h};
constexpr Range kReconnect{100ms, 1h};
constexpr Range kQuarantine{0s, 1h};
constexpr Range kCertificate{30s, 24h * 366};
constexpr Range kReturn{0s, 24h * 3660};
constexpr int64_t kPrePullMin = 1;
constexpr int64_t kPrePullMax = 100'000;

const std::vector<std::string> kLogLevels = {"debug", "info", "warning", "error"};

absl::StatusOr<Settings> ReadSettings(absl::StatusOr<ConfigFile> file) {
  if (!file.ok()) return file.status();
  Settings settings;
  ConfigSection& root = file->root();
  root.Read("stateDir", settings.state_dir);
  root.Read("listen", settings.listen);
  root.Read("adminSocket", settings.admin_socket);
  root.Read("viewerGroup", settings.viewer_group);
  root.Read("remoteAdmin", settings.remote_admin);
  root.Read("metricsListen", settings.metrics_listen);
  root.Read("advertiseAddresses", settings.advertise_addresses);
  root.Read("heartbeatInterval", settings.heartbeat_interval, kHeartbeat.min, kHeartbeat.max);
  root.Read("nodeLostAfter", settings.node_lost_after, kNodeLost.min, kNodeLost.max);
  root.Read("reconnectGrace", settings.reconnect_grace, kReconnect.min, kReconnect.max);
  root.Read("podGcQuarantine", settings.pod_gc_quarantine, kQuarantine.min, kQuarantine.max);
  root.Read("prePullLimit", settings.pre_pull_limit, kPrePullMin, kPrePullMax);
  root.Read("serviceClusterIPRange", settings.service_cluster_ip_range);
  root.Read("serviceNodePortRange", settings.service_node_port_range);
  root.Read("clusterCIDR", settings.cluster_cidr);
  root.Read("nodeCIDRMaskSizeIPv4", settings.node_cidr_mask_size_v4, 1, 32);
  root.Read("nodeCIDRMaskSizeIPv6", settings.node_cidr_mask_size_v6, 1, 128);
  root.Read("nodeCertificateLifetime", settings.node_certificate_lifetime, kCertificate.min,
            kCertificate.max);
  root.Read("nodeReturnWindow", settings.node_return_window, kReturn.min, kReturn.max);
  root.ReadChoice("logLevel", kLogLevels, settings.log_level);
  ReadGuards(root, settings.guards);
  MUSTER_RETURN_IF_ERROR(file->Finish());
  return settings;
}

absl::StatusOr<Duration> ParseDuration(const std::string& flag, const std::string& text,
                                       Range range) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration)) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": \"", text, "\" is no duration such as 250ms, 10s or 5m"));
  }
  const Duration value = absl::ToChronoNanoseconds(duration);
  if (value < range.min || value > range.max) {
    return absl::InvalidArgumentError(
        absl::StrCat(flag, ": has to be from ", absl::FormatDuration(absl::FromChrono(range.min)),
                     " to ", absl::FormatDuration(absl::FromChrono(range.max))));
  }
  return value;
}

absl::Status CheckAddress(const std::string& name, const std::string& text, bool needs_port) {
  absl::StatusOr<NetworkAddress> parts = ParseNetworkAddress(text);
  if (!parts.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": ", parts.status().message()));
  }
  if (needs_port && !parts->port) {
    return absl::InvalidArgumentError(absl::StrCat(name, ": \"", text, "\" has no port"));
  }
  return absl::OkStatus();
}

absl::Status CheckPath(const std::string& name, const std::string& path) {
  if (!path.empty() && path.front() == '/') return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": \"", path, "\" is no absolute path"));
}

}  // namespace

absl::StatusOr<NetworkAddress> ParseNetworkAddress(const std::string& text) {
  const auto bad = [&](const char* why) {
    return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" ", why));
  };
  NetworkAddress parts;
  std::string port;
  if (!text.empty() && text.front() == '[') {
    const size_t end = text.find(']');
    if (end == std::string::npos) return bad("has no ] after its address");
    parts.host = text.substr(1, end - 1);
    if (end + 1 < text.size()) {
      if (text[end + 1] != ':') return bad("has something other than a port after its address");
      port = text.substr(end + 2);
      if (port.empty()) return bad("has an empty port");
    }
  } else if (const size_t colon = text.find(':'); colon == std::string::npos) {
    parts.host = text;
  } else if (text.find(':', colon + 1) != std::string::npos) {
    parts.host = text;  // A bare IPv6 address.
  } else {
    parts.host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (port.empty()) return bad("has an empty port");
  }
  if (parts.host.empty()) return bad("has no host");
  if (!port.empty()) {
    int number = 0;
    if (!absl::SimpleAtoi(port, &number) || number < 0 || number > 65535) {
      return bad("has a port that is none");
    }
    parts.port = number;
  }
  return parts;
}

absl::StatusOr<Settings> ParseSettings(const std::string& text, const std::string& name) {
  return ReadSettings(ConfigFile::Parse(text, name));
}

absl::StatusOr<Settings> LoadSettings(const std::string& path) {
  absl::StatusOr<Settings> settings = ReadSettings(ConfigFile::Load(path));
  if (absl::IsNotFound(settings.status())) settings = Settings();
  if (!settings.ok()) return settings.status();
  MUSTER_RETURN_IF_ERROR(CheckSettings(*settings));
  return settings;
}

InitLine ParseInitLine(int argc, const char* const* argv) {
  InitLine line;
  line.config_path = kDefaultFile;
  CLI::App app{"Says what a coordinator finds on this host, what is missing, and what comes next.",
               "muster-coordinator init"};
  app.add_option("--config", line.config_path, "Settings file")
      ->option_text("FILE")
      ->capture_default_str();
  app.footer("Changes nothing. Exit codes: 0 a coordinator can work here, 1 problems.");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  return line;
}

BackupLine ParseBackupLine(int argc, const char* const* argv) {
  BackupLine line;
  line.config_path = kDefaultFile;
  const bool restores = std::string_view(argv[0]) == "restore";
  const std::string name = absl::StrCat("muster-coordinator ", argv[0]);
  CLI::App app{restores ? "Makes the coordinator of this host what it was when a backup was made."
                        : "Copies the store and the keys of this host's coordinator, which may "
                          "run, into one file.",
               name};
  app.add_option("FILE", line.file, restores ? "The backup" : "Replaced as a whole, or not at all")
      ->required();
  app.add_option("--config", line.config_path, "Settings file")
      ->option_text("FILE")
      ->capture_default_str();
  app.add_option("--state-dir", line.state_dir, "Where the store and the keys are")
      ->option_text("DIR");
  if (restores) {
    app.add_flag("--replace", line.replace,
                 "Also when there is a store already, which is kept in a directory beside");
  }
  app.footer(restores
                 ? "Refuses while a coordinator runs. Agents accept the restored one where they "
                   "look for it: under its old name or address."
                 : "The file can impersonate the coordinator: keep it like a private key.");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  return line;
}

absl::StatusOr<ServiceRanges> RangesOf(const Settings& settings) {
  absl::StatusOr<ServiceRanges> ranges =
      ParseServiceRanges(settings.service_cluster_ip_range, settings.service_node_port_range);
  if (ranges.ok()) return ranges;
  return absl::InvalidArgumentError(
      absl::StrCat("serviceClusterIPRange, serviceNodePortRange: ", ranges.status().message()));
}

absl::StatusOr<PodRanges> PodRangesOf(const Settings& settings) {
  absl::StatusOr<PodRanges> ranges = ParsePodRanges(
      settings.cluster_cidr, settings.node_cidr_mask_size_v4, settings.node_cidr_mask_size_v6);
  if (ranges.ok()) return ranges;
  return absl::InvalidArgumentError(absl::StrCat(
      "clusterCIDR, nodeCIDRMaskSizeIPv4, nodeCIDRMaskSizeIPv6: ", ranges.status().message()));
}

absl::Status CheckSettings(const Settings& settings) {
  MUSTER_ASSIGN_OR_RETURN(const ServiceRanges services, RangesOf(settings));
  MUSTER_ASSIGN_OR_RETURN(const PodRanges pods, PodRangesOf(settings));
  for (const IpRange& range : pods.clusters) {
    for (const IpRange& other : services.cluster_ips) {
      if (!Overlap(range, other)) continue;
      return absl::InvalidArgumentError(absl::StrCat("clusterCIDR: ", ToText(range),
                                                     " and serviceClusterIPRange's ", ToText(other),
                                                     " have addresses in common"));
    }
  }
  MUSTER_RETURN_IF_ERROR(CheckPath("stateDir", settings.state_dir));
  MUSTER_RETURN_IF_ERROR(CheckPath("adminSocket", settings.admin_socket));
  MUSTER_RETURN_IF_ERROR(CheckAddress("listen", settings.listen, /*needs_port=*/true));
  if (!settings.metrics_listen.empty()) {
    MUSTER_RETURN_IF_ERROR(CheckAddress("metricsListen", settings.metrics_listen, true));
  }
  for (const std::string& address : settings.advertise_addresses) {
    MUSTER_RETURN_IF_ERROR(CheckAddress("advertiseAddresses", address, false));
  }
  MUSTER_RETURN_IF_ERROR(CheckGuards(settings.guards));
  if (settings.node_lost_after < 2 * settings.heartbeat_interval) {
    return absl::InvalidArgumentError(
        "nodeLostAfter: has to be at least twice heartbeatInterval, or one late heartbeat would "
        "lose a node");
  }
  if (settings.reconnect_grace > settings.node_lost_after) {
    return absl::InvalidArgumentError(
        "reconnectGrace: has to be at most nodeLostAfter, since a broken stream says more than a "
        "silent one");
  }
  return absl::OkStatus();
}

std::vector<std::string> NeedRestart(const Settings& running, const Settings& read) {
  std::vector<std::string> keys;
  const auto compare = [&](const char* key, const auto& a, const auto& b) {
    if (a != b) keys.emplace_back(key);
  };
  compare("stateDir", running.state_dir, read.state_dir);
  compare("listen", running.listen, read.listen);
  compare("adminSocket", running.admin_socket, read.admin_socket);
  compare("viewerGroup", running.viewer_group, read.viewer_group);
  compare("remoteAdmin", running.remote_admin, read.remote_admin);
  compare("metricsListen", running.metrics_listen, read.metrics_listen);
  compare("advertiseAddresses", running.advertise_addresses, read.advertise_addresses);
  compare("heartbeatInterval", running.heartbeat_interval, read.heartbeat_interval);
  compare("nodeLostAfter", running.node_lost_after, read.node_lost_after);
  compare("reconnectGrace", running.reconnect_grace, read.reconnect_grace);
  compare("podGcQuarantine", running.pod_gc_quarantine, read.pod_gc_quarantine);
  compare("prePullLimit", running.pre_pull_limit, read.pre_pull_limit);
  compare("serviceClusterIPRange", running.service_cluster_ip_range, read.service_cluster_ip_range);
  compare("serviceNodePortRange", running.service_node_port_range, read.service_node_port_range);
  compare("clusterCIDR", running.cluster_cidr, read.cluster_cidr);
  compare("nodeCIDRMaskSizeIPv4", running.node_cidr_mask_size_v4, read.node_cidr_mask_size_v4);
  compare("nodeCIDRMaskSizeIPv6", running.node_cidr_mask_size_v6, read.node_cidr_mask_size_v6);
  compare("nodeCertificateLifetime", running.node_certificate_lifetime,
          read.node_certificate_lifetime);
  compare("nodeReturnWindow", running.node_return_window, read.node_return_window);
  for (std::string& key : DifferentGuards(running.guards, read.guards)) {
    keys.push_back(std::move(key));
  }
  return keys;
}

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  std::string file = kDefaultFile;
  bool check = false;
  std::optional<std::string> state_dir, listen, admin_socket, viewer_group, metrics_listen,
      heartbeat, lost, reconnect, quarantine, certificate_lifetime, return_window, log_level;
  bool remote_admin = false;
  std::optional<int64_t> pre_pull;
  std::optional<std::string> service_ips, node_ports, cluster_cidr;
  std::vector<std::string> advertise;

  CLI::App app{"Keeps what every node should run, and tells the nodes' agents.",
               "muster-coordinator"};
  const CLI::Option* config =
      app.add_option("--config", file, "Settings file")->option_text("FILE")->capture_default_str();
  app.add_flag("--check-config", check, "Check the settings and exit");
  app.set_version_flag("--version",
                       std::string("muster-coordinator ") + Version() + " (" + GitVersion() + ")");
  app.add_option("--state-dir", state_dir, "Where the store and the keys are")->option_text("DIR");
  app.add_option("--listen", listen,
                 "Address for agents, and for people with remoteAdmin, with TLS")
      ->option_text("HOST:PORT");
  app.add_option("--admin-socket", admin_socket, "Socket for musterctl of this host")
      ->option_text("PATH");
  app.add_option("--viewer-group", viewer_group,
                 "Group whose members may look through the socket; \"\": none")
      ->option_text("GROUP");
  const CLI::Option* remote = app.add_flag("--remote-admin,!--no-remote-admin", remote_admin,
                                           "Serve people with certificates where agents connect");
  app.add_option("--metrics-listen", metrics_listen, "Address of /metrics and /healthz; \"\": none")
      ->option_text("HOST:PORT");
  app.add_option("--advertise-address", advertise,
                 "Name or address under which it is reached; may be repeated")
      ->option_text("HOST[:PORT]")
      ->allow_extra_args(false);
  app.add_option("--heartbeat-interval", heartbeat, "How often agents give a sign of life")
      ->option_text("DURATION");
  app.add_option("--node-lost-after", lost, "Silence after which a node counts as unreachable")
      ->option_text("DURATION");
  app.add_option("--reconnect-grace", reconnect,
                 "Time for an agent to come back after its stream broke")
      ->option_text("DURATION");
  app.add_option("--pod-gc-quarantine", quarantine,
                 "How long pods of a removed node wait for its return")
      ->option_text("DURATION");
  app.add_option("--pre-pull-limit", pre_pull,
                 "How many nodes may pull an image ahead of a rollout at once")
      ->check(CLI::Range(kPrePullMin, kPrePullMax))
      ->option_text("N");
  app.add_option("--service-cluster-ip-range", service_ips,
                 "Where Services get their addresses: one range, or one of each family")
      ->option_text("CIDR[,CIDR]");
  app.add_option("--service-node-port-range", node_ports, "Where they get their node ports")
      ->option_text("FIRST-LAST");
  app.add_option("--cluster-cidr", cluster_cidr,
                 "Where nodes with 'network: bridge' get subnets for their pods; \"\": none")
      ->option_text("CIDR[,CIDR]");
  app.add_option("--node-certificate-lifetime", certificate_lifetime,
                 "How long a node's certificate is good; it is renewed at two thirds of that")
      ->option_text("DURATION");
  app.add_option("--node-return-window", return_window,
                 "How long after that a node that was off may still come back by itself")
      ->option_text("DURATION");
  app.add_option("--log-level", log_level, "debug, info, warning or error")->option_text("LEVEL");
  app.footer(
      "Subcommands:\n"
      "  init                        Say what a coordinator finds on this host, and what comes "
      "next\n"
      "  backup                      Copy the store and the keys into one file, while it runs\n"
      "  restore                     Make it what it was when a backup was made");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  if (line.print_and_exit) return line;

  absl::StatusOr<Settings> settings = ReadSettings(ConfigFile::Load(file));
  if (absl::IsNotFound(settings.status()) && config->count() == 0) settings = Settings();
  if (!settings.ok()) return settings.status();
  line.settings = *std::move(settings);
  line.check_config = check;
  if (state_dir) line.settings.state_dir = *state_dir;
  if (listen) line.settings.listen = *listen;
  if (admin_socket) line.settings.admin_socket = *admin_socket;
  if (viewer_group) line.settings.viewer_group = *viewer_group;
  if (remote->count() > 0) line.settings.remote_admin = remote_admin;
  if (metrics_listen) line.settings.metrics_listen = *metrics_listen;
  if (!advertise.empty()) line.settings.advertise_addresses = advertise;
  if (pre_pull) line.settings.pre_pull_limit = *pre_pull;
  if (service_ips) line.settings.service_cluster_ip_range = *service_ips;
  if (node_ports) line.settings.service_node_port_range = *node_ports;
  if (cluster_cidr) line.settings.cluster_cidr = *cluster_cidr;
  if (log_level) line.settings.log_level = *log_level;
  if (heartbeat) {
    MUSTER_ASSIGN_OR_RETURN(line.settings.heartbeat_interval,
                            ParseDuration("--heartbeat-interval", *heartbeat, kHeartbeat));
  }
  if (lost) {
    MUSTER_ASSIGN_OR_RETURN(line.settings.node_lost_after,
                            ParseDuration("--node-lost-after", *lost, kNodeLost));
  }
  if (reconnect) {
    MUSTER_ASSIGN_OR_RETURN(line.settings.reconnect_grace,
                            ParseDuration("--reconnect-grace", *reconnect, kReconnect));
  }
  if (quarantine) {
    MUSTER_ASSIGN_OR_RETURN(line.settings.pod_gc_quarantine,
                            ParseDuration("--pod-gc-quarantine", *quarantine, kQuarantine));
  }
  if (certificate_lifetime) {
    MUSTER_ASSIGN_OR_RETURN(
        line.settings.node_certificate_lifetime,
        ParseDuration("--node-certificate-lifetime", *certificate_lifetime, kCertificate));
  }
  if (return_window) {
    MUSTER_ASSIGN_OR_RETURN(line.settings.node_return_window,
                            ParseDuration("--node-return-window", *return_window, kReturn));
  }
  MUSTER_RETURN_IF_ERROR(CheckSettings(line.settings));
  return line;
}

}  // namespace muster::coordinator
