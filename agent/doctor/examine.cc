#include "agent/doctor/examine.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/time.h"
#include "agent/doctor/firewall.h"
#include "common/model/names.h"

namespace muster::agent {
namespace {

using Grade = Finding::Grade;

// By then the agent has renewed it (agent/enrol/renewal).
constexpr int kCertificateParts = 5;
constexpr int64_t kBytesFreeMin = int64_t{1} << 30;
constexpr int64_t kFilesFreeMin = 10'000;
constexpr int64_t kInotifyMin = 256;

constexpr char kCapabilitiesRemedy[] =
    "give the agent back its capabilities: drop-ins of muster-agent.service, or the container it "
    "runs in, took them";

Finding Good(const char* subject, std::string seen) {
  return {Grade::kGood, subject, std::move(seen), ""};
}
Finding Note(const char* subject, std::string seen, std::string remedy) {
  return {Grade::kNote, subject, std::move(seen), std::move(remedy)};
}
Finding Problem(const char* subject, std::string seen, std::string remedy) {
  return {Grade::kProblem, subject, std::move(seen), std::move(remedy)};
}
Finding Skipped(const char* subject, std::string seen) {
  return {Grade::kSkipped, subject, std::move(seen), ""};
}

std::string Text(const absl::Status& status) { return std::string(status.message()); }

std::string Day(WallTime time) {
  return absl::FormatTime("%Y-%m-%d %H:%M UTC", absl::FromChrono(time), absl::UTCTimeZone());
}

std::string Mebibytes(int64_t bytes) { return absl::StrCat(bytes >> 20, " MiB"); }

Finding ExamineUser(const Survey& s) {
  if (s.is_root) return Good("user", "root");
  return Problem("user", "not root, so most of this host cannot be looked at",
                 "run it as root: sudo muster-agent doctor");
}

Finding ExamineSettings(const Survey& s) {
  if (s.settings.ok()) {
    const char* missing = s.settings_there ? "" : " is not there: all is as by default";
    return Good("settings", absl::StrCat(s.settings_path, missing));
  }
  return Problem("settings", Text(s.settings),
                 absl::StrCat("correct ", s.settings_path,
                              "; 'muster-agent --check-config' looks at it again"));
}

Finding ExamineIdentity(const Survey& s) {
  if (s.identity.ok()) return Good("membership", absl::StrCat("this host is node ", s.node_name));
  if (absl::IsNotFound(s.identity)) {
    return Problem("membership", "this host has not joined a fleet",
                   "run the line that 'musterctl token create' prints on the coordinator's host");
  }
  return Problem("membership", Text(s.identity), "join again");
}

Finding ExamineCertificate(const Survey& s) {
  if (!s.identity.ok()) return Skipped("certificate", "this host has none");
  if (s.now < s.certificate_begins) {
    return Problem("certificate", absl::StrCat("is good only from ", Day(s.certificate_begins)),
                   "set the clock of this host: timedatectl");
  }
  const std::string until = absl::StrCat("is good until ", Day(s.certificate_ends));
  if (s.now >= s.certificate_ends) {
    return Problem("certificate", absl::StrCat("was good until ", Day(s.certificate_ends)),
                   "the agent renews it when it runs and reaches the coordinator; if its log says "
                   "that it was refused, join again with the line that 'musterctl token create' "
                   "prints; pods run on");
  }
  const auto life = s.certificate_ends - s.certificate_begins;
  if (s.certificate_ends - s.now < life / kCertificateParts) {
    return Note("certificate", until,
                "the agent should have renewed it by now; does it run and reach the coordinator?");
  }
  return Good("certificate", until);
}

Finding ExamineName(const Survey& s) {
  if (s.coordinator.empty()) return Skipped("coordinator's name", "the settings have none");
  if (s.coordinator_name.ok()) return Good("coordinator's name", s.coordinator);
  return Problem("coordinator's name", Text(s.coordinator_name),
                 "correct DNS or /etc/hosts, or 'coordinator' in the settings");
}

Finding ExaminePort(const Survey& s) {
  if (s.coordinator.empty() || !s.coordinator_name.ok()) {
    return Skipped("way to the coordinator", "its address is not known");
  }
  if (s.coordinator_port.ok()) return Good("way to the coordinator", "it answers");
  return Problem("way to the coordinator", Text(s.coordinator_port),
                 absl::StrCat("let this host reach ", s.coordinator,
                              " by TCP, and see whether muster-coordinator runs there; pods run "
                              "on meanwhile"));
}

Finding ExamineUnit(const Survey& s) {
  if (!s.unit_known) {
    return Note("service", "muster-agent.service is not installed",
                "without it the agent has to be started in another way at each boot");
  }
  if (s.unit_enabled) return Good("service", "muster-agent.service starts at each boot");
  return Problem("service", "muster-agent.service is not enabled",
                 "systemctl enable --now muster-agent");
}

Finding ExamineClock(const Survey& s) {
  if (s.clock_synchronized) return Good("clock", "is kept by the network");
  return Note("clock", "nothing keeps it right, as far as can be seen",
              "run systemd-timesyncd or chrony: certificates have times");
}

Finding ExamineSocket(const Survey& s) {
  if (s.runtime_socket) return Good("runtime's socket", s.runtime_endpoint);
  if (!s.runtime_sockets.empty()) {
    return Problem("runtime's socket",
                   absl::StrCat("there is no ", s.runtime_endpoint, ", but there is ",
                                absl::StrJoin(s.runtime_sockets, " and ")),
                   absl::StrCat("set 'runtimeEndpoint: unix://", s.runtime_sockets.front(), "' in ",
                                s.settings_path, ", or start the other runtime"));
  }
  return Problem("runtime's socket", absl::StrCat("there is no ", s.runtime_endpoint),
                 "install and start a container runtime: apt install containerd, or dnf install "
                 "cri-o");
}

Finding ExamineRuntime(const Survey& s) {
  if (!s.runtime_socket) return Skipped("container runtime", "it has no socket");
  if (s.runtime.ok() && s.runtime_info.runtime_ready) {
    return Good("container runtime", absl::StrCat(s.runtime_info.name, " ", s.runtime_info.version,
                                                  ", CRI ", s.runtime_info.api_version));
  }
  if (s.runtime.ok()) {
    return Problem("container runtime",
                   absl::StrCat("it says that it is not ready: ", s.runtime_info.runtime_message),
                   "see its log: journalctl -u containerd");
  }
  return Problem("container runtime", Text(s.runtime),
                 "start it (systemctl start containerd); where it runs, its CRI plug-in may be "
                 "switched off: 'disabled_plugins' in /etc/containerd/config.toml");
}

Finding ExamineNetwork(const Survey& s) {
  if (!s.runtime_socket || !s.runtime.ok()) {
    return Skipped("pod network", "the runtime would say");
  }
  if (s.runtime_info.network_ready) return Good("pod network", "ready");
  return Problem("pod network", s.runtime_info.network_message,
                 "give the runtime a CNI network; pods with hostNetwork run without");
}

Finding ExamineCniConfig(const Survey& s) {
  const auto other = std::ranges::find_if(
      s.cni_configs, [&s](const std::string& name) { return name != s.own_cni_config; });
  if (s.bridge_wanted && other != s.cni_configs.end()) {
    return Note(
        "CNI configuration",
        absl::StrCat(s.cni_config_dir, "/", *other, " is there, so 'network: bridge' does nothing"),
        "take one of them away");
  }
  if (!s.cni_configs.empty()) {
    return Good("CNI configuration", absl::StrCat(s.cni_config_dir, "/", s.cni_configs.front()));
  }
  if (s.bridge_wanted) {
    return Note("CNI configuration",
                "the agent writes one as soon as the coordinator has given this node a subnet",
                "when that does not come, see 'musterctl describe node' and the coordinator's "
                "clusterCIDR");
  }
  return Problem("CNI configuration", absl::StrCat("there is none in ", s.cni_config_dir),
                 "put the network of this host's pods there, or let the agent make one: "
                 "'network: bridge' in the settings");
}

Finding ExamineCniPlugins(const Survey& s) {
  if (s.cni_missing.empty()) return Good("CNI plug-ins", "installed");
  return Problem("CNI plug-ins", absl::StrCat("missing: ", absl::StrJoin(s.cni_missing, ", ")),
                 "apt install containernetworking-plugins; where they are is 'bin_dir' of the "
                 "runtime's settings");
}

Finding ExamineIptables(const Survey& s) {
  if (s.has_iptables) return Good("host ports", "iptables is there");
  return Note("host ports", "there is no iptables",
              "pods with hostPort and without hostNetwork need it: apt install iptables");
}

Finding ExamineFirewall(const Survey& s) {
  if (!s.bridge_wanted) {
    return Good("firewall", "the network of pods is not the agent's, so it has not looked");
  }
  const std::optional<ForwardBlock> block = FindForwardBlock(s.firewall, s.pod_bridge, s.uplink);
  if (!block) return Good("firewall", "nothing is known to stop what pods send and get");
  return Problem("firewall",
                 absl::StrCat("chain ", block->chain, " of table ", block->family, " ",
                              block->table, " drops what is forwarded from or to ", s.pod_bridge),
                 RemedyFor(*block, s.pod_bridge));
}

Finding ExamineForwarding(const Survey& s) {
  if (s.ip_forward) return Good("forwarding", "net.ipv4.ip_forward is on");
  return Note("forwarding", "net.ipv4.ip_forward is off",
              "pods reach no other host without: sysctl -w net.ipv4.ip_forward=1, and a file in "
              "/etc/sysctl.d");
}

Finding ExamineDns(const Survey& s) {
  if (!s.facts.dns.servers.empty()) {
    return Good("name servers", absl::StrJoin(s.facts.dns.servers, ", "));
  }
  return Note("name servers", "/etc/resolv.conf names none",
              "pods find no name then, unless clusterDNS is set");
}

Finding ExamineHostName(const Survey& s) {
  const auto problems = model::CheckDnsSubdomain(s.facts.hostname);
  if (problems.empty()) return Good("host's name", s.facts.hostname);
  return Problem("host's name", absl::StrCat("\"", s.facts.hostname, "\": ", problems.front()),
                 "hostnamectl set-hostname NAME, or join with --node-name");
}

Finding ExamineAddress(const Survey& s) {
  if (!s.facts.addresses.empty()) return Good("host's address", s.facts.addresses.front());
  return Problem("host's address", "no interface has the route to everywhere",
                 "set 'nodeIP' in the settings, or give the host a default route");
}

Finding ExamineKernel(const Survey& s) {
  if (s.has_pidfd) return Good("kernel", s.facts.kernel_version);
  return Problem("kernel", absl::StrCat(s.facts.kernel_version, " has no pidfd"),
                 "run 5.3 or later: the agent hears of containers' ends by it");
}

Finding ExamineCgroups(const Survey& s) {
  std::vector<std::string> missing;
  for (const char* controller : {"cpu", "memory", "pids"}) {
    if (std::ranges::find(s.cgroup_controllers, controller) == s.cgroup_controllers.end()) {
      missing.push_back(controller);
    }
  }
  const std::string version = s.cgroup_v2 ? "version 2" : "version 1";
  if (!missing.empty()) {
    return Problem("control groups",
                   absl::StrCat(version, " without ", absl::StrJoin(missing, ", ")),
                   "boot with cgroup_enable=memory, or mount the hierarchies");
  }
  if (s.cgroup_v2) return Good("control groups", version);
  return Note("control groups", version,
              "works; version 2 is what runtimes and kernels are made for now");
}

Finding ExamineCgroupDriver(const Survey& s) {
  if (!s.runtime_socket || !s.runtime.ok()) {
    return Skipped("cgroup driver", "the runtime would say");
  }
  const std::string& driver = s.runtime_info.cgroup_driver;
  if (driver.empty()) return Good("cgroup driver", "the runtime does not say which");
  if (driver == "cgroupfs" && s.facts.systemd && s.cgroup_v2) {
    return Note("cgroup driver", "cgroupfs, where systemd is the one that owns the tree",
                "set 'SystemdCgroup = true' in the runtime's settings before there are pods");
  }
  return Good("cgroup driver", driver);
}

Finding ExamineMounts(const Survey& s) {
  if (s.facts.root_is_shared) return Good("mounts", "/ is shared");
  return Note("mounts", "/ is not a shared mount",
              "pods with mountPropagation need it: mount --make-rshared /");
}

Finding ExamineOverlay(const Survey& s) {
  if (s.has_overlayfs) return Good("overlayfs", "known to the kernel");
  return Note("overlayfs", "not loaded", "modprobe overlay, unless the runtime does so itself");
}

Finding ExamineMountRight(const Survey& s) {
  if (s.may_mount) return Good("right to mount", "CAP_SYS_ADMIN");
  return Problem("right to mount", "CAP_SYS_ADMIN is missing", kCapabilitiesRemedy);
}

Finding ExamineOomScore(const Survey& s) {
  if (s.facts.may_lower_oom_score) return Good("OOM scores", "CAP_SYS_RESOURCE");
  return Note("OOM scores", "without CAP_SYS_RESOURCE none can be below 0",
              "guaranteed pods are not spared when memory runs out");
}

Finding ExamineInotify(const Survey& s) {
  const std::string seen =
      absl::StrCat("fs.inotify.max_user_instances is ", s.inotify_instances_max);
  if (s.inotify_instances_max >= kInotifyMin) return Good("inotify", seen);
  return Note("inotify", seen,
              "log collectors run out of it: sysctl -w fs.inotify.max_user_instances=8192");
}

Finding ExamineState(const Survey& s) {
  if (!s.state_writable.ok()) {
    return Problem("state directory", Text(s.state_writable),
                   "make it a directory that root can write to");
  }
  if (s.state_filesystem == "tmpfs") {
    return Note("state directory", absl::StrCat(s.state_dir, " is in memory"),
                "after a reboot this host is no node any more, and its daemons do not start");
  }
  return Good("state directory", s.state_dir);
}

Finding ExamineRoom(const Survey& s) {
  if (!s.state_writable.ok()) return Skipped("room on the disk", "the state directory");
  const std::string seen =
      absl::StrCat(Mebibytes(s.state_bytes_free), " and ", s.state_files_free, " files free");
  if (s.state_bytes_free >= kBytesFreeMin && s.state_files_free >= kFilesFreeMin) {
    return Good("room on the disk", seen);
  }
  return Note("room on the disk", seen, "make room: images and volumes need it");
}

Finding ExamineLogs(const Survey& s) {
  if (s.logs_writable.ok()) return Good("containers' logs", "can be written");
  return Problem("containers' logs", Text(s.logs_writable),
                 "make it a directory that root can write to, or set 'logDir'");
}

}  // namespace

std::vector<Finding> Examine(const Survey& s) {
  std::vector<Finding> findings = {ExamineUser(s),        ExamineSettings(s), ExamineIdentity(s),
                                   ExamineCertificate(s), ExamineName(s),     ExaminePort(s),
                                   ExamineUnit(s),        ExamineClock(s),    ExamineSocket(s),
                                   ExamineRuntime(s),     ExamineNetwork(s),  ExamineCniConfig(s),
                                   ExamineCniPlugins(s),  ExamineIptables(s)};
  if (!s.facts_status.ok()) {
    findings.push_back(
        Problem("host", Text(s.facts_status), "see whether /proc and /sys are there"));
    return findings;
  }
  for (const auto examine : {ExamineForwarding, ExamineFirewall, ExamineDns, ExamineHostName,
                             ExamineAddress, ExamineKernel, ExamineCgroups, ExamineCgroupDriver,
                             ExamineMounts, ExamineOverlay, ExamineMountRight, ExamineOomScore,
                             ExamineInotify, ExamineState, ExamineRoom, ExamineLogs}) {
    findings.push_back(examine(s));
  }
  return findings;
}

bool AnyProblem(const std::vector<Finding>& findings) {
  return std::ranges::any_of(
      findings, [](const Finding& finding) { return finding.grade == Grade::kProblem; });
}

std::string Report(const std::vector<Finding>& findings) {
  std::string text;
  int problems = 0, notes = 0;
  for (const Finding& finding : findings) {
    const char* mark = "ok     ";
    if (finding.grade == Grade::kNote) mark = "note   ";
    if (finding.grade == Grade::kProblem) mark = "PROBLEM";
    if (finding.grade == Grade::kSkipped) mark = "-      ";
    absl::StrAppend(&text, mark, "  ", finding.subject, ": ", finding.seen, "\n");
    if (!finding.remedy.empty()) absl::StrAppend(&text, "         -> ", finding.remedy, "\n");
    problems += finding.grade == Grade::kProblem;
    notes += finding.grade == Grade::kNote;
  }
  absl::StrAppend(&text, problems, problems == 1 ? " problem, " : " problems, ", notes,
                  notes == 1 ? " note\n" : " notes\n");
  return text;
}

std::string Summary(const std::vector<Finding>& findings) {
  static const std::set<std::string> kSubjects = {"runtime's socket", "container runtime",
                                                  "pod network", "control groups", "service"};
  std::string text;
  for (const Finding& finding : findings) {
    if (!kSubjects.contains(finding.subject) || finding.grade == Grade::kSkipped) continue;
    if (finding.grade == Grade::kGood && finding.subject == "runtime's socket") continue;
    if (finding.subject == "service" && finding.grade == Grade::kProblem) continue;  // Comes next.
    absl::StrAppend(&text, "  ", finding.subject, ": ", finding.seen, "\n");
    if (finding.grade == Grade::kProblem) absl::StrAppend(&text, "    -> ", finding.remedy, "\n");
  }
  return text;
}

}  // namespace muster::agent
