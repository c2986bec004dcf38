#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "coordinator/podsecurity/pod_parts.h"

namespace muster::coordinator {
namespace {

constexpr std::string_view kCapabilities[] = {
    "AUDIT_WRITE",      "CHOWN",   "DAC_OVERRIDE", "FOWNER",  "FSETID", "KILL",      "MKNOD",
    "NET_BIND_SERVICE", "SETFCAP", "SETGID",       "SETPCAP", "SETUID", "SYS_CHROOT"};
constexpr std::string_view kSysctls[] = {"kernel.shm_rmid_forced",
                                         "net.ipv4.ip_local_port_range",
                                         "net.ipv4.ip_unprivileged_port_start",
                                         "net.ipv4.tcp_syncookies",
                                         "net.ipv4.ping_group_range",
                                         "net.ipv4.ip_local_reserved_ports",
                                         "net.ipv4.tcp_keepalive_time",
                                         "net.ipv4.tcp_fin_timeout",
                                         "net.ipv4.tcp_keepalive_intvl",
                                         "net.ipv4.tcp_keepalive_probes"};
constexpr std::string_view kSeLinuxTypes[] = {"", "container_t", "container_init_t",
                                              "container_kvm_t", "container_engine_t"};
constexpr char kAppArmorAnnotation[] = "container.apparmor.security.beta.kubernetes.io/";

template <size_t kSize>
bool IsOneOf(const std::string_view (&all)[kSize], std::string_view text) {
  return std::find(std::begin(all), std::end(all), text) != std::end(all);
}

// Collects one control: the pod's own part of it, then that of its containers.
class Control {
 public:
  Control(std::string control, Violations& violations)
      : control_(std::move(control)), violations_(violations) {}
  ~Control() {
    if (details_.empty()) return;
    violations_.push_back({control_, absl::StrJoin(details_, "; ")});
  }
  Control(const Control&) = delete;
  Control& operator=(const Control&) = delete;

  void Add(std::string detail) { details_.push_back(std::move(detail)); }
  // `names` must not `what`, if there are any.
  void Containers(const std::vector<std::string>& names, const std::string& what) {
    if (!names.empty()) Add(absl::StrCat(ContainersText(names), " ", what));
  }

 private:
  const std::string control_;
  Violations& violations_;
  std::vector<std::string> details_;
};

template <typename Predicate>
std::vector<std::string> NamesOf(const std::vector<ContainerPart>& containers,
                                 Predicate predicate) {
  std::vector<std::string> names;
  for (const ContainerPart& container : containers) {
    if (predicate(container)) names.push_back(container.name);
  }
  return names;
}

void CheckHostProcess(const v1::PodSpec& spec, const std::vector<ContainerPart>& containers,
                      Violations& violations) {
  Control control("hostProcess", violations);
  const std::string what = "must not set securityContext.windowsOptions.hostProcess=true";
  if (spec.security_context().windows_options().host_process()) control.Add("pod " + what);
  control.Containers(NamesOf(containers,
                             [](const ContainerPart& container) {
                               return container.security->windows_options().host_process();
                             }),
                     what);
}

void CheckHostNamespaces(const v1::PodSpec& spec, Violations& violations) {
  Control control("host namespaces", violations);
  std::vector<std::string> shared;
  if (spec.host_network()) shared.emplace_back("hostNetwork=true");
  if (spec.host_pid()) shared.emplace_back("hostPID=true");
  if (spec.host_ipc()) shared.emplace_back("hostIPC=true");
  if (!shared.empty()) control.Add(absl::StrJoin(shared, ", "));
}

void CheckPrivileged(const std::vector<ContainerPart>& containers, Violations& violations) {
  Control control("privileged", violations);
  control.Containers(
      NamesOf(containers,
              [](const ContainerPart& container) { return container.security->privileged(); }),
      "must not set securityContext.privileged=true");
}

void CheckCapabilities(const std::vector<ContainerPart>& containers, Violations& violations) {
  Control control("non-default capabilities", violations);
  for (const ContainerPart& container : containers) {
    std::vector<std::string> added;
    for (const std::string& name : container.security->capabilities().add()) {
      if (!IsOneOf(kCapabilities, name)) added.push_back(name);
    }
    if (added.empty()) continue;
    control.Add(absl::StrCat("container \"", container.name, "\" must not include ",
                             QuotedList(added), " in securityContext.capabilities.add"));
  }
}

void CheckHostPaths(const v1::PodSpec& spec, Violations& violations) {
  Control control("hostPath volumes", violations);
  std::vector<std::string> names;
  for (const v1::Volume& volume : spec.volumes()) {
    if (volume.has_host_path()) names.push_back(volume.name());
  }
  if (names.empty()) return;
  control.Add(absl::StrCat(names.size() == 1 ? "volume " : "volumes ", QuotedList(names)));
}

void CheckHostPorts(const std::vector<ContainerPart>& containers, Violations& violations) {
  Control control("hostPort", violations);
  for (const ContainerPart& container : containers) {
    std::vector<int32_t> ports;
    for (const v1::ContainerPort& port : *container.ports) {
      if (port.host_port() != 0) ports.push_back(port.host_port());
    }
    if (ports.empty()) continue;
    control.Add(absl::StrCat("container \"", container.name, "\" uses ",
                             ports.size() == 1 ? "hostPort " : "hostPorts ",
                             absl::StrJoin(ports, ", ")));
  }
}

// Probes and hooks that ask another address than the pod's own make the node ask it.
template <typename Handler>
void AddHosts(const Handler& handler, std::vector<std::string>& hosts) {
  if (!handler.http_get().host().empty()) hosts.push_back(handler.http_get().host());
  if (!handler.tcp_socket().host().empty()) hosts.push_back(handler.tcp_socket().host());
}

void CheckProbeHosts(const std::vector<ContainerPart>& containers, Violations& violations) {
  Control control("probe or lifecycle host", violations);
  for (const ContainerPart& container : containers) {
    std::vector<std::string> hosts;
    for (const v1::Probe* probe : container.probes) AddHosts(*probe, hosts);
    for (const v1::LifecycleHandler* handler : container.handlers) AddHosts(*handler, hosts);
    if (hosts.empty()) continue;
    control.Add(absl::StrCat("container \"", container.name, "\" must not set host to ",
                             QuotedList(hosts), " in a probe or hook"));
  }
}

bool IsAppArmorType(const std::string& type) {
  return type.empty() || type == "RuntimeDefault" || type == "Localhost";
}

void CheckAppArmor(const v1::ObjectMeta& metadata, const v1::PodSpec& spec,
                   const std::vector<ContainerPart>& containers, Violations& violations) {
  Control control("forbidden AppArmor profile", violations);
  const std::string& type = spec.security_context().app_armor_profile().type();
  if (!IsAppArmorType(type)) {
    control.Add(
        absl::StrCat("pod must not set securityContext.appArmorProfile.type to \"", type, "\""));
  }
  for (const ContainerPart& container : containers) {
    const std::string& its = container.security->app_armor_profile().type();
    if (IsAppArmorType(its)) continue;
    control.Add(absl::StrCat("container \"", container.name,
                             "\" must not set securityContext.appArmorProfile.type to \"", its,
                             "\""));
  }
  std::vector<std::string> annotations;
  for (const auto& [key, value] : metadata.annotations()) {
    const bool allowed =
        value.empty() || value == "runtime/default" || absl::StartsWith(value, "localhost/");
    if (absl::StartsWith(key, kAppArmorAnnotation) && !allowed) {
      annotations.push_back(absl::StrCat(key, "=\"", value, "\""));
    }
  }
  std::sort(annotations.begin(), annotations.end());
  if (!annotations.empty()) {
    control.Add(absl::StrCat("annotation ", absl::StrJoin(annotations, ", ")));
  }
}

std::vector<std::string> BadSeLinux(const v1::SELinuxOptions& options) {
  std::vector<std::string> bad;
  if (!IsOneOf(kSeLinuxTypes, options.type())) {
    bad.push_back(absl::StrCat("type \"", options.type(), "\""));
  }
  if (!options.user().empty()) bad.emplace_back("user may not be set");
  if (!options.role().empty()) bad.emplace_back("role may not be set");
  return bad;
}

void CheckSeLinux(const v1::PodSpec& spec, const std::vector<ContainerPart>& containers,
                  Violations& violations) {
  Control control("seLinuxOptions", violations);
  const auto check = [&](const std::string& who, const v1::SELinuxOptions& options) {
    const std::vector<std::string> bad = BadSeLinux(options);
    if (bad.empty()) return;
    control.Add(absl::StrCat(
        who, " set forbidden securityContext.seLinuxOptions: ", absl::StrJoin(bad, "; ")));
  };
  check("pod", spec.security_context().se_linux_options());
  for (const ContainerPart& container : containers) {
    check(ContainersText({container.name}), container.security->se_linux_options());
  }
}

void CheckProcMount(const std::vector<ContainerPart>& containers, Violations& violations) {
  Control control("procMount", violations);
  for (const ContainerPart& container : containers) {
    const std::string& type = container.security->proc_mount();
    if (type.empty() || type == "Default") continue;
    control.Add(absl::StrCat("container \"", container.name,
                             "\" must not set securityContext.procMount to \"", type, "\""));
  }
}

void CheckSeccomp(const v1::PodSpec& spec, const std::vector<ContainerPart>& containers,
                  Violations& violations) {
  Control control("seccompProfile", violations);
  const auto check = [&](const std::string& who, const v1::SeccompProfile& profile) {
    const std::string& type = profile.type();
    if (type.empty() || type == "RuntimeDefault" || type == "Localhost") return;
    control.Add(
        absl::StrCat(who, " must not set securityContext.seccompProfile.type to \"", type, "\""));
  };
  check("pod", spec.security_context().seccomp_profile());
  for (const ContainerPart& container : containers) {
    check(ContainersText({container.name}), container.security->seccomp_profile());
  }
}

void CheckSysctls(const v1::PodSpec& spec, Violations& violations) {
  Control control("forbidden sysctls", violations);
  std::vector<std::string> names;
  for (const v1::Sysctl& sysctl : spec.security_context().sysctls()) {
    if (!IsOneOf(kSysctls, sysctl.name())) names.push_back(sysctl.name());
  }
  if (!names.empty()) control.Add(absl::StrJoin(names, ", "));
}

}  // namespace

void CheckBaseline(const v1::ObjectMeta& metadata, const v1::PodSpec& spec,
                   Violations& violations) {
  const std::vector<ContainerPart> containers = ContainersOf(spec);
  CheckHostProcess(spec, containers, violations);
  CheckHostNamespaces(spec, violations);
  CheckPrivileged(containers, violations);
  CheckCapabilities(containers, violations);
  CheckHostPaths(spec, violations);
  CheckHostPorts(containers, violations);
  CheckProbeHosts(containers, violations);
  CheckAppArmor(metadata, spec, containers, violations);
  CheckSeLinux(spec, containers, violations);
  CheckProcMount(containers, violations);
  CheckSeccomp(spec, containers, violations);
  CheckSysctls(spec, violations);
}

}  // namespace muster::coordinator
