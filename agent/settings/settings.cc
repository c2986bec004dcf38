#include "agent/settings/settings.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/ip_address.h"
#include "common/base/macros.h"
#include "common/config/allow_list.h"
#include "common/config/config_file.h"
#include "common/config/parse_line.h"
#include "common/model/capabilities.h"
#include "common/model/host_reach.h"
#include "common/model/names.h"
#include "common/model/quantity.h"
#include "common/version/version.h"

namespace muster::agent {
namespace {

using namespace std::chrono_literals;

const std::vector<std::string> kLogLevels = {"debug", "info", "warning", "error"};

// Bytes as Kubernetes writes them: 10Mi.
void ReadBytes(ConfigSection& section, std::string_view key, int64_t& target) {
  std::string text;
  section.Read(key, text);
  if (text.empty()) return;
  const absl::StatusOr<model::Quantity> quantity = model::Quantity::Parse(text);
  if (!quantity.ok() || quantity->IsZero()) {
    section.Refuse(key, absl::StrCat("\"", text, "\" is no size such as 10Mi"));
    return;
  }
  target = quantity->Value();
}

void ReadImageGc(ConfigSection& root, Settings& settings) {
  ImageGcLimits& limits = settings.image_gc;
  int64_t high = limits.high_percent, low = limits.low_percent;
  root.Read("imageGCHighThresholdPercent", high, 1, 100);
  root.Read("imageGCLowThresholdPercent", low, 0, 99);
  if (low >= high) {
    root.Refuse(
        root.Has("imageGCLowThresholdPercent") ? "imageGCLowThresholdPercent"
                                               : "imageGCHighThresholdPercent",
        absl::StrCat("the low threshold (", low, ") has to be below the high one (", high, ")"));
  }
  limits.high_percent = static_cast<int>(high);
  limits.low_percent = static_cast<int>(low);
  root.Read("imageMinimumGCAge", limits.age_min, 0s, 24h * 365);
  root.Read("imageMaximumGCAge", limits.age_max, 0s, 24h * 3650);
  root.Read("imageGCPeriod", settings.image_gc_period, 1s, 24h);
}

// "0" and "0%" switch a threshold off.
bool IsOff(const std::string& text) { return text == "0" || text == "0%"; }

// Those of `key` in the place of those with the same signal.
void ReadThresholds(ConfigSection& root, std::string_view key,
                    const std::map<Signal, Duration>& graces, std::vector<Threshold>& thresholds) {
  std::map<std::string, std::string> texts;
  root.Read(key, texts);
  for (const auto& [name, text] : texts) {
    const std::optional<Signal> signal = SignalOf(name);
    if (!signal) {
      root.Refuse(key, absl::StrCat("there is no signal \"", name, "\""));
      continue;
    }
    const auto grace = graces.find(*signal);
    std::erase_if(thresholds, [&](const Threshold& threshold) {
      return threshold.signal == *signal && graces.empty();
    });
    if (IsOff(text)) continue;
    absl::StatusOr<Threshold> threshold = ParseThreshold(*signal, text);
    if (!threshold.ok()) {
      root.Refuse(key, absl::StrCat(name, ": ", threshold.status().message()));
      continue;
    }
    if (grace != graces.end()) threshold->grace = grace->second;
    if (key == "evictionSoft" && grace == graces.end()) {
      root.Refuse(key,
                  absl::StrCat(name, ": evictionSoftGracePeriod has to say how long it may last"));
      continue;
    }
    thresholds.push_back(*threshold);
  }
}

void ReadMinimumReclaim(ConfigSection& root, EvictionLimits& limits) {
  constexpr char kKey[] = "evictionMinimumReclaim";
  std::map<std::string, std::string> texts;
  root.Read(kKey, texts);
  for (const auto& [name, text] : texts) {
    const std::optional<Signal> signal = SignalOf(name);
    if (!signal) {
      root.Refuse(kKey, absl::StrCat("there is no signal \"", name, "\""));
      continue;
    }
    if (IsOff(text)) continue;
    const absl::StatusOr<Threshold> amount = ParseThreshold(*signal, text);
    if (amount.ok()) {
      limits.reclaim[*signal] = *amount;
    } else {
      root.Refuse(kKey, absl::StrCat(name, ": ", std::string(amount.status().message())));
    }
  }
}

void ReadEviction(ConfigSection& root, Settings& settings) {
  EvictionLimits& limits = settings.eviction;
  ReadThresholds(root, "evictionHard", {}, limits.thresholds);
  std::map<Signal, Duration> graces;
  ConfigSection grace_section = root.Section("evictionSoftGracePeriod");
  for (const char* name : {"memory.available", "nodefs.available", "nodefs.inodesFree",
                           "imagefs.available", "imagefs.inodesFree", "pid.available"}) {
    if (!grace_section.Has(name)) continue;
    Duration grace = 1min;
    grace_section.Read(name, grace, 1s, 24h);
    graces[*SignalOf(name)] = grace;
  }
  if (root.Has("evictionSoft") && graces.empty()) {
    root.Refuse("evictionSoft", "evictionSoftGracePeriod has to say how long each may last");
  } else {
    ReadThresholds(root, "evictionSoft", graces, limits.thresholds);
  }
  ReadMinimumReclaim(root, limits);
  int64_t grace_max = limits.pod_grace_max.count();
  root.Read("evictionMaxPodGracePeriod", grace_max, 0, 24 * 3600);
  limits.pod_grace_max = std::chrono::seconds(grace_max);
  root.Read("evictionPressureTransitionPeriod", limits.transition, 0s, 24h);
  root.Read("evictionMonitorPeriod", settings.eviction_period, 1s, 10min);
}

// Kubernetes' two forms; one or the other.
void ReadShutdown(ConfigSection& root, Settings& settings) {
  constexpr char kTable[] = "shutdownGracePeriodByPodPriority";
  Duration total(0), critical(0);
  root.Read("shutdownGracePeriod", total, 0s, 1h);
  root.Read("shutdownGracePeriodCriticalPods", critical, 0s, 1h);
  if (critical > total) {
    root.Refuse("shutdownGracePeriodCriticalPods",
                "it is a part of shutdownGracePeriod, so it cannot be longer");
    return;
  }
  settings.shutdown = SimpleShutdown(std::chrono::ceil<std::chrono::seconds>(total),
                                     std::chrono::floor<std::chrono::seconds>(critical));
  std::map<int64_t, std::chrono::seconds> periods;
  for (ConfigSection& entry : root.Sections(kTable)) {
    int64_t priority = 0, period = 0;
    entry.Read("priority", priority, INT32_MIN, INT32_MAX);
    entry.Read("shutdownGracePeriodSeconds", period, 1, 3600);
    if (!entry.Has("priority") || !entry.Has("shutdownGracePeriodSeconds")) {
      root.Refuse(kTable, "each entry has a priority and shutdownGracePeriodSeconds");
    } else if (!periods.emplace(priority, period).second) {
      root.Refuse(kTable, absl::StrCat("priority ", priority, " is there twice"));
    }
  }
  if (periods.empty()) return;
  if (!settings.shutdown.empty()) {
    root.Refuse(kTable, "there is shutdownGracePeriod already; only one of them can hold");
    return;
  }
  for (const auto& [priority, period] : periods) {
    settings.shutdown.push_back({static_cast<int32_t>(priority), period});
  }
}

// "forbid" or "allow".
void ReadForbidden(ConfigSection& section, std::string_view key, bool& forbidden) {
  std::string text = forbidden ? "forbid" : "allow";
  section.ReadChoice(key, {"allow", "forbid"}, text);
  forbidden = text == "forbid";
}

void ReadHostRules(ConfigSection section, HostRules& rules) {
  ReadForbidden(section, "privileged", rules.forbid_privileged);
  ReadForbidden(section, "hostNetwork", rules.forbid_host_network);
  ReadForbidden(section, "hostPID", rules.forbid_host_pid);
  ReadForbidden(section, "hostIPC", rules.forbid_host_ipc);
  ReadAllowList(section, "hostPaths", &model::BadHostPathPrefix, rules.host_paths);
  ReadAllowList(section, "registries", &model::BadImageSource, rules.registries);
  const auto bad_capability = [](const std::string& name) {
    return model::IsCapabilityName(name) ? "" : absl::StrCat("\"", name, "\" is no capability");
  };
  ReadAllowList(section, "capabilities", bad_capability, rules.capabilities);
}

absl::StatusOr<Settings> ReadSettings(absl::StatusOr<ConfigFile> file) {
  if (!file.ok()) return file.status();
  Settings settings;
  ConfigSection& root = file->root();
  root.Read("coordinator", settings.coordinator);
  root.Read("nodeName", settings.node_name);
  root.Read("stateDir", settings.state_dir);
  root.Read("rootDir", settings.root_dir);
  root.Read("runtimeEndpoint", settings.runtime_endpoint);
  root.Read("nodeIP", settings.node_ip);
  root.Read("logDir", settings.log_dir);
  root.Read("logLinkDir", settings.log_link_dir);
  root.Read("runDir", settings.run_dir);
  root.Read("metricsListen", settings.metrics_listen);
  root.Read("cgroupRoot", settings.cgroup_root);
  root.Read("staticPodDir", settings.static_pod_dir);
  root.Read("clusterDNS", settings.cluster_dns);
  root.Read("clusterDomain", settings.cluster_domain);
  root.Read("dnsAddresses", settings.dns_addresses);
  root.Read("serviceRules", settings.service_rules);
  root.ReadChoice("network", {"none", kBridgeNetwork}, settings.network_kind);
  root.Read("cniConfigDir", settings.cni_config_dir);
  root.Read("allowedUnsafeSysctls", settings.allowed_sysctls);
  root.Read("maxPods", settings.max_pods, 1, 10'000);
  root.Read("maxParallelImagePulls", settings.max_parallel_image_pulls, 1, 1'000);
  root.Read("relistPeriod", settings.relist_period, 100ms, 1min);
  root.Read("runtimeUnhealthyAfter", settings.runtime_unhealthy_after, 1s, 1h);
  root.ReadChoice("logLevel", kLogLevels, settings.log_level);
  ReadBytes(root, "containerLogMaxSize", settings.log_limits.bytes_max);
  int64_t log_files = settings.log_limits.files_max;
  root.Read("containerLogMaxFiles", log_files, 2, 1'000);
  settings.log_limits.files_max = static_cast<int>(log_files);
  root.Read("containerLogMonitorInterval", settings.log_monitor_period, 1s, 1h);
  ReadImageGc(root, settings);
  ReadEviction(root, settings);
  ReadShutdown(root, settings);
  ReadHostRules(root.Section("hostRules"), settings.host_rules);
  MUSTER_RETURN_IF_ERROR(file->Finish());
  return settings;
}

absl::Status CheckPath(const std::string& name, const std::string& path) {
  if (!path.empty() && path.front() == '/') return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": \"", path, "\" is no absolute path"));
}

absl::Status CheckIp(const std::string& name, const std::string& text) {
  if (ParseIp(text)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(name, ": \"", text, "\" is no IP address"));
}

// Whoever can reach the port can read what containers run here.
absl::Status CheckLoopback(const std::string& name, const std::string& text) {
  const size_t colon = text.rfind(':');
  std::string host = text.substr(0, std::min(colon, text.size()));
  int port = 0;
  const bool has_port = colon != std::string::npos &&
                        absl::SimpleAtoi(text.substr(colon + 1), &port) && port > 0 &&
                        port <= 65535;
  in_addr v4;
  const bool is_v4 =
      ::inet_pton(AF_INET, host.c_str(), &v4) == 1 && (ntohl(v4.s_addr) >> 24) == 127;
  if (has_port && (is_v4 || host == "[::1]")) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      name, ": \"", text, "\" is not an address of the loopback and a port: 127.0.0.1:7442"));
}

absl::Status CheckCoordinator(const std::string& text) {
  const size_t colon = text.rfind(':');
  int port = 0;
  if (colon == std::string::npos || colon == 0 ||
      !absl::SimpleAtoi(text.substr(colon + 1), &port) || port < 1 || port > 65535) {
    return absl::InvalidArgumentError(absl::StrCat("coordinator: \"", text, "\" is not HOST:PORT"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<Settings> ParseSettings(const std::string& text, const std::string& name) {
  return ReadSettings(ConfigFile::Parse(text, name));
}

absl::StatusOr<Settings> LoadSettings(const std::string& path) {
  return ReadSettings(ConfigFile::Load(path));
}

absl::Status CheckSettings(const Settings& settings) {
  if (settings.coordinator.empty()) {
    return absl::InvalidArgumentError(
        "coordinator: not set; join this node first with the command line that "
        "'musterctl token create' prints on the control host");
  }
  MUSTER_RETURN_IF_ERROR(CheckCoordinator(settings.coordinator));
  if (!settings.node_name.empty()) {
    const model::NameProblems problems = model::CheckDnsSubdomain(settings.node_name);
    if (!problems.empty()) {
      return absl::InvalidArgumentError(
          absl::StrCat("nodeName: \"", settings.node_name, "\": ", problems.front()));
    }
  }
  MUSTER_RETURN_IF_ERROR(CheckPath("stateDir", settings.state_dir));
  if (!settings.root_dir.empty()) MUSTER_RETURN_IF_ERROR(CheckPath("rootDir", settings.root_dir));
  MUSTER_RETURN_IF_ERROR(CheckPath("logDir", settings.log_dir));
  MUSTER_RETURN_IF_ERROR(CheckPath("logLinkDir", settings.log_link_dir));
  MUSTER_RETURN_IF_ERROR(CheckPath("runDir", settings.run_dir));
  if (!settings.metrics_listen.empty()) {
    MUSTER_RETURN_IF_ERROR(CheckLoopback("metricsListen", settings.metrics_listen));
  }
  MUSTER_RETURN_IF_ERROR(CheckPath("cgroupRoot", settings.cgroup_root));
  MUSTER_RETURN_IF_ERROR(CheckPath("staticPodDir", settings.static_pod_dir));
  MUSTER_RETURN_IF_ERROR(CheckPath("cniConfigDir", settings.cni_config_dir));
  const std::string& endpoint = settings.runtime_endpoint;
  if (!endpoint.starts_with("unix:///") && !endpoint.starts_with("/")) {
    return absl::InvalidArgumentError(
        absl::StrCat("runtimeEndpoint: \"", endpoint,
                     "\" is not unix:///PATH; only a socket of this host will do"));
  }
  const std::vector<std::string> ips = absl::StrSplit(settings.node_ip, ',', absl::SkipEmpty());
  for (const std::string& ip : ips) MUSTER_RETURN_IF_ERROR(CheckIp("nodeIP", ip));
  if (ips.size() > 2 || (ips.size() == 2 && ParseIp(ips[0])->v6 == ParseIp(ips[1])->v6)) {
    return absl::InvalidArgumentError("nodeIP: there is one address of each family at most");
  }
  for (const std::string& server : settings.cluster_dns) {
    MUSTER_RETURN_IF_ERROR(CheckIp("clusterDNS", server));
  }
  for (const std::string& address : settings.dns_addresses) {
    MUSTER_RETURN_IF_ERROR(CheckIp("dnsAddresses", address));
  }
  return absl::OkStatus();
}

std::vector<std::string> NeedRestart(const Settings& running, const Settings& read) {
  std::vector<std::string> keys;
  const auto compare = [&](const char* key, const auto& a, const auto& b) {
    if (a != b) keys.emplace_back(key);
  };
  compare("coordinator", running.coordinator, read.coordinator);
  compare("nodeName", running.node_name, read.node_name);
  compare("stateDir", running.state_dir, read.state_dir);
  compare("rootDir", running.root_dir, read.root_dir);
  compare("runtimeEndpoint", running.runtime_endpoint, read.runtime_endpoint);
  compare("nodeIP", running.node_ip, read.node_ip);
  compare("logDir", running.log_dir, read.log_dir);
  compare("logLinkDir", running.log_link_dir, read.log_link_dir);
  compare("runDir", running.run_dir, read.run_dir);
  compare("metricsListen", running.metrics_listen, read.metrics_listen);
  compare("cgroupRoot", running.cgroup_root, read.cgroup_root);
  compare("clusterDNS", running.cluster_dns, read.cluster_dns);
  compare("clusterDomain", running.cluster_domain, read.cluster_domain);
  compare("dnsAddresses", running.dns_addresses, read.dns_addresses);
  compare("serviceRules", running.service_rules, read.service_rules);
  compare("network", running.network_kind, read.network_kind);
  compare("cniConfigDir", running.cni_config_dir, read.cni_config_dir);
  compare("allowedUnsafeSysctls", running.allowed_sysctls, read.allowed_sysctls);
  compare("maxPods", running.max_pods, read.max_pods);
  compare("maxParallelImagePulls", running.max_parallel_image_pulls, read.max_parallel_image_pulls);
  compare("relistPeriod", running.relist_period, read.relist_period);
  compare("runtimeUnhealthyAfter", running.runtime_unhealthy_after, read.runtime_unhealthy_after);
  compare("staticPodDir", running.static_pod_dir, read.static_pod_dir);
  compare("containerLogMaxSize", running.log_limits.bytes_max, read.log_limits.bytes_max);
  compare("containerLogMaxFiles", running.log_limits.files_max, read.log_limits.files_max);
  compare("containerLogMonitorInterval", running.log_monitor_period, read.log_monitor_period);
  compare("imageGCHighThresholdPercent", running.image_gc.high_percent, read.image_gc.high_percent);
  compare("imageGCLowThresholdPercent", running.image_gc.low_percent, read.image_gc.low_percent);
  compare("imageMinimumGCAge", running.image_gc.age_min, read.image_gc.age_min);
  compare("imageMaximumGCAge", running.image_gc.age_max, read.image_gc.age_max);
  compare("imageGCPeriod", running.image_gc_period, read.image_gc_period);
  const auto thresholds = [](const Settings& settings, bool soft) {
    std::vector<Threshold> some = settings.eviction.thresholds;
    std::erase_if(some, [&](const Threshold& each) { return (each.grace > Duration(0)) != soft; });
    return some;
  };
  compare("evictionHard", thresholds(running, false), thresholds(read, false));
  compare("evictionSoft", thresholds(running, true), thresholds(read, true));
  compare("evictionMinimumReclaim", running.eviction.reclaim, read.eviction.reclaim);
  compare("evictionMaxPodGracePeriod", running.eviction.pod_grace_max, read.eviction.pod_grace_max);
  compare("evictionPressureTransitionPeriod", running.eviction.transition,
          read.eviction.transition);
  compare("evictionMonitorPeriod", running.eviction_period, read.eviction_period);
  compare("shutdownGracePeriod", running.shutdown, read.shutdown);
  compare("hostRules", running.host_rules, read.host_rules);
  return keys;
}

absl::StatusOr<CommandLine> ParseCommandLine(int argc, const char* const* argv) {
  CommandLine line;
  std::string file = kDefaultSettingsFile;
  bool check = false;
  std::optional<std::string> coordinator, node_name, state_dir, root_dir, endpoint, node_ip,
      log_level;

  CLI::App app{"Runs on this host what the coordinator assigns to it.", "muster-agent"};
  const CLI::Option* config =
      app.add_option("--config", file, "Settings file")->option_text("FILE")->capture_default_str();
  app.add_flag("--check-config", check, "Check the settings and exit");
  app.set_version_flag("--version",
                       std::string("muster-agent ") + Version() + " (" + GitVersion() + ")");
  app.add_option("--coordinator", coordinator, "Where the coordinator is")
      ->option_text("HOST:PORT");
  app.add_option("--node-name", node_name, "Name of this node")->option_text("NAME");
  app.add_option("--state-dir", state_dir, "Where the certificate and the assignment are")
      ->option_text("DIR");
  app.add_option("--root-dir", root_dir, "Where the volumes of pods are")->option_text("DIR");
  app.add_option("--runtime-endpoint", endpoint, "Socket of the container runtime")
      ->option_text("unix:///PATH");
  app.add_option("--node-ip", node_ip, "Address of this node, or one of each family")
      ->option_text("IP[,IP]");
  app.add_option("--log-level", log_level, "debug, info, warning or error")->option_text("LEVEL");
  app.footer(
      "Enrol this host first:\n"
      "  muster-agent join HOST:PORT --token ID.SECRET --ca-hash sha256:HEX\n"
      "\n"
      "Subcommands:\n"
      "  join                        Make this host a node\n"
      "  status                      Say how the agent that runs here and its pods are\n"
      "  doctor                      Look for what is missing on this host, and say how to get it\n"
      "  wait-ready                  Wait until the pods that gate this host are ready\n"
      "  reset                       Make this host what it was before it became a node");
  static_cast<ParsedLine&>(line) = ParseLine(app, argc, argv);
  if (line.print_and_exit) return line;

  absl::StatusOr<Settings> settings = ReadSettings(ConfigFile::Load(file));
  if (absl::IsNotFound(settings.status()) && config->count() == 0) settings = Settings();
  if (!settings.ok()) return settings.status();
  line.settings = *std::move(settings);
  line.check_config = check;
  if (coordinator) line.settings.coordinator = *coordinator;
  if (node_name) line.settings.node_name = *node_name;
  if (state_dir) line.settings.state_dir = *state_dir;
  if (root_dir) line.settings.root_dir = *root_dir;
  if (endpoint) line.settings.runtime_endpoint = *endpoint;
  if (node_ip) line.settings.node_ip = *node_ip;
  if (log_level) line.settings.log_level = *log_level;
  MUSTER_RETURN_IF_ERROR(CheckSettings(line.settings));
  return line;
}

}  // namespace muster::agent
